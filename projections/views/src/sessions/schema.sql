CREATE TABLE session (
    id            TEXT PRIMARY KEY,
    channel       TEXT NOT NULL,
    project       TEXT NOT NULL,
    playback_id   TEXT NOT NULL,
    state         TEXT NOT NULL,
    node          TEXT NOT NULL,
    feed          BIGINT NOT NULL,
    latency_mode  TEXT NOT NULL,
    dvr_window    BIGINT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    live_at_ms    BIGINT,
    ended_at_ms   BIGINT,
    end_reason    TEXT,
    -- what was wrong with the feed, where that is the reason
    end_fault     TEXT,
    lost_until_ms BIGINT,
    -- JSON of an InputRow
    input         TEXT,
    sequence      BIGINT NOT NULL
);

CREATE INDEX session_by_age ON session (project, started_at_ms, id);
CREATE INDEX session_of_channel ON session (project, channel, started_at_ms, id);
CREATE INDEX session_on_air ON session (state, live_at_ms) WHERE state = 'LIVE';
