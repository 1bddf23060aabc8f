SELECT user_id, started_at, stopped_at, updated_at FROM timers WHERE id = @id
