-- Newest first, of one session. $2: kind, $3: states, $8: channels; all may be NULL.
SELECT * FROM asset
WHERE project = $1
    AND session = $7
    AND (created_at_ms, id) < ($4, $5)
    AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
    AND (CAST($3 AS TEXT) IS NULL OR state IN (SELECT value FROM json_each($3)))
    AND (CAST($8 AS TEXT) IS NULL OR channel IN (SELECT value FROM json_each($8)))
ORDER BY created_at_ms DESC, id DESC
LIMIT $6
