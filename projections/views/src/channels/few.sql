-- Of those named in $5 all that match, in any order. $2: state, $3: pattern of names, $4: id or playback id that is looked
-- for; each may be NULL.
SELECT * FROM channel
WHERE project = $1
    AND id IN (SELECT value FROM json_each($5))
    AND (CAST($2 AS TEXT) IS NULL OR state = $2)
    AND (CAST($3 AS TEXT) IS NULL OR name_folded LIKE $3 ESCAPE '\' OR id = $4 OR playback_id = $4)
