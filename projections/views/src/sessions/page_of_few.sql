-- Newest first, of the channels named in $6. $2: state, may be NULL. Each channel gives at most a page, by its index.
SELECT session.* FROM (SELECT DISTINCT value FROM json_each($6)) AS few
JOIN session ON session.id IN (
    SELECT id FROM session
    WHERE project = $1
        AND channel = few.value
        AND (started_at_ms, id) < ($3, $4)
        AND (CAST($2 AS TEXT) IS NULL OR state = $2)
    ORDER BY started_at_ms DESC, id DESC
    LIMIT $5
)
ORDER BY started_at_ms DESC, id DESC
LIMIT $5
