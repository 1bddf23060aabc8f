-- What was pressed first stays as it was pressed: of a stored run only the stop, and the status that follows, change.
-- SqliteTimerStore binds the values in this order.
INSERT INTO timers (id, user_id, status, started_at, stopped_at, updated_at)
VALUES (@id, @user_id, @status, @started_at, @stopped_at, @updated_at)
ON CONFLICT (id) DO UPDATE
SET status = excluded.status, stopped_at = excluded.stopped_at, updated_at = excluded.updated_at
