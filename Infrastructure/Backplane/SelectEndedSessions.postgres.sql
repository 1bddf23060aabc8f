SELECT open.user_id, open.id
FROM unnest(@user_ids, @ids) AS open (user_id, id)
WHERE NOT EXISTS (SELECT 1 FROM login_sessions s WHERE s.id = open.id)
