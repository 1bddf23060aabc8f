SELECT user_id, id, started_at, stopped_at, updated_at FROM timers WHERE id = ANY (@ids)
