-- Which database this is, and whether its log went back behind @flushed: then files of an earlier day were put in its place.
SELECT (SELECT value FROM meta WHERE key = 'epoch'),
       (SELECT value FROM meta WHERE key = 'signing_key'),
       (SELECT value FROM meta WHERE key = 'database'),
       pg_current_wal_flush_lsn()::text,
       coalesce(pg_current_wal_flush_lsn() < @flushed::pg_lsn, false)
