-- Newest first, of the channels named in $7. $2: kind, $3: states; both may be NULL. Each channel gives at most a page, by
-- its index.
SELECT asset.* FROM (SELECT DISTINCT value FROM json_each($7)) AS few
JOIN asset ON asset.id IN (
    SELECT id FROM asset
    WHERE project = $1
        AND channel = few.value
        AND (created_at_ms, id) < ($4, $5)
        AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
        AND (CAST($3 AS TEXT) IS NULL OR state IN (SELECT value FROM json_each($3)))
    ORDER BY created_at_ms DESC, id DESC
    LIMIT $6
)
ORDER BY created_at_ms DESC, id DESC
LIMIT $6
