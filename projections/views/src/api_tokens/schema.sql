CREATE TABLE api_token (
    id            TEXT PRIMARY KEY,
    project       TEXT NOT NULL,
    name          TEXT NOT NULL,
    prefix        TEXT NOT NULL,
    -- JSON of a list of scopes
    scopes        TEXT NOT NULL,
    -- JSON of a list of channels' ids; NULL: every channel of the project
    channels      TEXT,
    created_at_ms BIGINT NOT NULL,
    created_by    TEXT NOT NULL,
    expires_at_ms BIGINT,
    revoked_at_ms BIGINT,
    sequence      BIGINT NOT NULL
);

CREATE INDEX api_token_by_age ON api_token (project, created_at_ms, id);
