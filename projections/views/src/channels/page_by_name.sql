-- By folded name, then id. Parameters as in page_newest.sql.
SELECT * FROM channel
WHERE project = $1
    AND (name_folded, id) > ($5, $6)
    AND (CAST($2 AS TEXT) IS NULL OR state = $2)
    AND (CAST($3 AS TEXT) IS NULL OR name_folded LIKE $3 ESCAPE '\' OR id = $4 OR playback_id = $4)
ORDER BY name_folded, id
LIMIT $7
