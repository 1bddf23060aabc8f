SELECT id, started_at, stopped_at, updated_at
FROM timers
WHERE user_id = @user_id
ORDER BY started_at DESC, id DESC
LIMIT 1
