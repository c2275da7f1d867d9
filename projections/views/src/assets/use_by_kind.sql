-- What READY assets of each kind take. $2: of these channels alone; NULL: of all.
SELECT kind, COUNT(*) AS assets, CAST(COALESCE(SUM(whole_bytes), 0) AS BIGINT) AS bytes FROM asset
WHERE project = $1
    AND state = 'READY'
    AND (CAST($2 AS TEXT) IS NULL OR channel IN (SELECT value FROM json_each($2)))
GROUP BY kind
ORDER BY kind
