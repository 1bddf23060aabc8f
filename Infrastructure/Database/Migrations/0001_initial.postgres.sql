-- After 0001_initial.sql: keys are compared byte by byte, as SQLite does, whatever the database's language. The order of
-- ids is part of the rule (CONTRACT.md, section 3).
ALTER TABLE meta ALTER COLUMN key TYPE TEXT COLLATE "C";
ALTER TABLE accounts ALTER COLUMN id TYPE TEXT COLLATE "C", ALTER COLUMN name_folded TYPE TEXT COLLATE "C";
ALTER TABLE login_sessions ALTER COLUMN id TYPE TEXT COLLATE "C", ALTER COLUMN user_id TYPE TEXT COLLATE "C";
ALTER TABLE timers ALTER COLUMN id TYPE TEXT COLLATE "C", ALTER COLUMN user_id TYPE TEXT COLLATE "C";
ALTER TABLE timer_versions ALTER COLUMN user_id TYPE TEXT COLLATE "C";
