-- Every user of the batch has a row to lock. In the order of their ids, as below: two nodes never wait for each other.
INSERT INTO timer_versions (user_id, version)
SELECT user_id, 0 FROM unnest(@user_ids) AS users (user_id) ORDER BY user_id COLLATE "C"
ON CONFLICT (user_id) DO NOTHING
