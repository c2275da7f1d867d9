-- The process managers' place in the log, what is still to be done, and which sessions each node holds.
-- All of it but the last table follows from the log: a file of another version is emptied and derived anew.
CREATE TABLE IF NOT EXISTS place (
    id     BIGINT PRIMARY KEY CHECK (id = 1),
    cursor TEXT NOT NULL
);

-- A step: what is to be done about a channel's line, and from when on. Deadlines are steps.
CREATE TABLE IF NOT EXISTS step (
    line       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    due_ms     BIGINT NOT NULL,
    attempts   BIGINT NOT NULL DEFAULT 0,
    -- due_ms, or later after a try that did not help
    not_before_ms BIGINT NOT NULL,
    PRIMARY KEY (line, kind, subject)
);

CREATE INDEX IF NOT EXISTS step_by_time ON step (not_before_ms);

CREATE TABLE IF NOT EXISTS on_air (
    session TEXT PRIMARY KEY,
    line    TEXT NOT NULL,
    node    TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS on_air_by_line ON on_air (line);
CREATE INDEX IF NOT EXISTS on_air_by_node ON on_air (node);

-- Assets that are not gone: those of a channel that is erased are found here.
CREATE TABLE IF NOT EXISTS asset (
    asset   TEXT PRIMARY KEY,
    channel TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS asset_of_channel ON asset (channel);

-- When each API token was used last: milliseconds since the Unix epoch. Stands nowhere else.
CREATE TABLE IF NOT EXISTS token_use (
    token TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL
);
