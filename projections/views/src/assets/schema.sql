CREATE TABLE asset (
    id                TEXT PRIMARY KEY,
    channel           TEXT NOT NULL,
    project           TEXT NOT NULL,
    session           TEXT NOT NULL,
    kind              TEXT NOT NULL,
    state             TEXT NOT NULL,
    failure           TEXT,
    -- as its event holds it, mostly sealed: what is erased is erased without a change here
    title             TEXT,
    -- which key opens it; none: it stands in clear
    title_key         TEXT,
    parent            TEXT,
    -- JSON: pairs of microseconds
    spans             TEXT NOT NULL,
    whole_duration_ms BIGINT,
    whole_bytes       BIGINT,
    whole_gaps_ms     BIGINT,
    files             BIGINT,
    -- of the part that is shown, where it is not all
    duration_ms       BIGINT,
    bytes             BIGINT,
    gaps_ms           BIGINT,
    -- of the session's media time
    poster_us         BIGINT,
    -- JSON: what was made for the edges of all of it, where that is exact to the picture; the same of the part that is shown
    edges             TEXT,
    trim_edges        TEXT,
    created_at_ms     BIGINT NOT NULL,
    ready_at_ms       BIGINT,
    expires_at_ms     BIGINT,
    sequence          BIGINT NOT NULL
);

CREATE INDEX asset_by_age ON asset (project, created_at_ms, id);
CREATE INDEX asset_of_channel ON asset (project, channel, created_at_ms, id);
CREATE INDEX asset_of_session ON asset (session, created_at_ms, id);
