-- Of the whole database: by this number a restored backup is known (EpochFile).
UPDATE meta SET value = CAST(CAST(value AS BIGINT) + @changes AS TEXT) WHERE key = 'changes'
RETURNING CAST(value AS BIGINT)
