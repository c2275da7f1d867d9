-- Newest first, of one channel. $2: state, may be NULL.
SELECT * FROM session
WHERE project = $1
    AND channel = $6
    AND (started_at_ms, id) < ($3, $4)
    AND (CAST($2 AS TEXT) IS NULL OR state = $2)
ORDER BY started_at_ms DESC, id DESC
LIMIT $5
