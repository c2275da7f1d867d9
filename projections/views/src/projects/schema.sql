CREATE TABLE project (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    sequence      BIGINT NOT NULL
);

CREATE INDEX project_by_age ON project (created_at_ms, id);
