-- The user's version, and the run that started last; ties go to the greater id.
SELECT v.version    AS "Version",
       t.id         AS "Id",
       t.started_at AS "StartedAt",
       t.stopped_at AS "StoppedAt",
       t.updated_at AS "UpdatedAt"
FROM timer_versions v
JOIN timers t ON t.id = (
    SELECT id FROM timers WHERE user_id = v.user_id ORDER BY started_at DESC, id DESC LIMIT 1)
WHERE v.user_id = @user_id
