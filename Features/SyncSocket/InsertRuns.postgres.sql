-- Not ON CONFLICT: an id that another user's command has taken meanwhile must fail, and be read again.
INSERT INTO timers (id, user_id, status, started_at, stopped_at, updated_at)
SELECT * FROM unnest(@ids, @user_ids, @statuses, @started_ats, @stopped_ats, @updated_ats)
