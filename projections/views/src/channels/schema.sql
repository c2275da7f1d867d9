CREATE TABLE channel (
    id                   TEXT PRIMARY KEY,
    project              TEXT NOT NULL,
    name                 TEXT NOT NULL,
    -- in lower case, for searches and lists by name
    name_folded          TEXT NOT NULL,
    state                TEXT NOT NULL,
    playback_id          TEXT NOT NULL UNIQUE,
    latency_mode         TEXT NOT NULL,
    auto_go_live         BOOLEAN NOT NULL,
    max_session_duration BIGINT NOT NULL,
    reconnect_window     BIGINT NOT NULL,
    end_on_unpublish     BOOLEAN NOT NULL,
    dvr_window           BIGINT NOT NULL,
    record_source        BOOLEAN NOT NULL,
    catchup              BOOLEAN NOT NULL,
    -- seconds; 0: until it is deleted
    source_retention     BIGINT NOT NULL,
    catchup_retention    BIGINT NOT NULL,
    current_session      TEXT,
    last_session         TEXT,
    created_at_ms        BIGINT NOT NULL,
    sequence             BIGINT NOT NULL
);

CREATE INDEX channel_by_age ON channel (project, created_at_ms, id);
CREATE INDEX channel_by_name ON channel (project, name_folded, id);
