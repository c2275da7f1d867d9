-- Newest first. $2: kind, $3: states; both may be NULL.
SELECT * FROM asset
WHERE project = $1
    AND (created_at_ms, id) < ($4, $5)
    AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
    AND (CAST($3 AS TEXT) IS NULL OR state IN (SELECT value FROM json_each($3)))
ORDER BY created_at_ms DESC, id DESC
LIMIT $6
