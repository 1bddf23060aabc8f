UPDATE timer_versions
SET version = changed.version
FROM unnest(@user_ids, @versions) AS changed (user_id, version)
WHERE timer_versions.user_id = changed.user_id
