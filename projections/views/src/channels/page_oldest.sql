-- Oldest first. Parameters as in page_newest.sql.
SELECT * FROM channel
WHERE project = $1
    AND (created_at_ms, id) > ($5, $6)
    AND (CAST($2 AS TEXT) IS NULL OR state = $2)
    AND (CAST($3 AS TEXT) IS NULL OR name_folded LIKE $3 ESCAPE '\' OR id = $4 OR playback_id = $4)
ORDER BY created_at_ms, id
LIMIT $7
