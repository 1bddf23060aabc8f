-- Heard at the commit, and only then.
SELECT pg_notify(@channel, payload) FROM unnest(@payloads) AS payload
