INSERT INTO timer_versions (user_id, version) VALUES (@user_id, 1)
ON CONFLICT (user_id) DO UPDATE SET version = timer_versions.version + 1
