-- From here to the commit no other node writes these users: the database keeps the rule and the order of versions.
SELECT user_id, version FROM timer_versions WHERE user_id = ANY (@user_ids) ORDER BY user_id FOR UPDATE
