-- Of some users, the current run of those whose version is newer than the one that is known here.
SELECT v.user_id, v.version, t.id, t.started_at, t.stopped_at, t.updated_at
FROM unnest(@user_ids, @versions) AS known (user_id, version)
JOIN timer_versions v ON v.user_id = known.user_id AND v.version > known.version
CROSS JOIN LATERAL (
    SELECT id, started_at, stopped_at, updated_at
    FROM timers
    WHERE user_id = v.user_id
    ORDER BY started_at DESC, id DESC
    LIMIT 1) AS t
