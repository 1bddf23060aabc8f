-- Before the inserts: what was running must have stopped when another one starts to run. A stored run never starts again.
UPDATE timers
SET status = 'stopped', stopped_at = changed.stopped_at, updated_at = changed.updated_at
FROM unnest(@ids, @stopped_ats, @updated_ats) AS changed (id, stopped_at, updated_at)
WHERE timers.id = changed.id
