-- How many changes there ever were, of all users: by this number a restored backup is known (EpochFile).
SELECT COALESCE(SUM(version), 0) FROM timer_versions
