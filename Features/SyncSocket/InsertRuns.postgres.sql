-- Not ON CONFLICT: an id that another user's command has taken meanwhile must fail, and be read again.
INSERT INTO timers (id, user_id, status, started_at, stopped_at, updated_at)
-- In the order of their ids: two users who start runs with the same ids on two nodes do not wait for each other.
SELECT *
FROM unnest(@ids, @user_ids, @statuses, @started_ats, @stopped_ats, @updated_ats)
    AS runs (id, user_id, status, started_at, stopped_at, updated_at)
ORDER BY id COLLATE "C"
