-- Times are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE accounts (
    id            TEXT   NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL,
    name_folded   TEXT   NOT NULL UNIQUE,
    password_hash TEXT   NOT NULL,
    created_at    BIGINT NOT NULL
);

-- A token is valid while its row is here: logging out deletes it.
CREATE TABLE login_sessions (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES accounts (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX login_sessions_of_user ON login_sessions (user_id, created_at);

-- One row per run, as it was pressed. status follows from the rule: only a user's last started run can be running.
CREATE TABLE timers (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES accounts (id),
    status     TEXT   NOT NULL CHECK (status IN ('running', 'stopped')),
    started_at BIGINT NOT NULL,
    stopped_at BIGINT CHECK (stopped_at >= started_at),
    updated_at BIGINT NOT NULL,
    CHECK (status = 'stopped' OR stopped_at IS NULL)
);
CREATE INDEX timers_in_order ON timers (user_id, started_at, id);
CREATE UNIQUE INDEX timers_at_most_one_running ON timers (user_id) WHERE status = 'running';

CREATE TABLE timer_versions (
    user_id TEXT   NOT NULL PRIMARY KEY REFERENCES accounts (id),
    version BIGINT NOT NULL
);
