SELECT users.user_id, t.id, t.started_at, t.stopped_at, t.updated_at
FROM unnest(@user_ids) AS users (user_id)
CROSS JOIN LATERAL (
    SELECT id, started_at, stopped_at, updated_at
    FROM timers
    WHERE user_id = users.user_id
    ORDER BY started_at DESC, id DESC
    LIMIT 1) AS t
