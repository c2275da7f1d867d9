-- What READY assets of each channel take, the most first. $2: of these channels alone; NULL: of all.
SELECT channel, COUNT(*) AS assets, CAST(COALESCE(SUM(whole_bytes), 0) AS BIGINT) AS bytes FROM asset
WHERE project = $1
    AND state = 'READY'
    AND (CAST($2 AS TEXT) IS NULL OR channel IN (SELECT value FROM json_each($2)))
GROUP BY channel
ORDER BY bytes DESC, channel
LIMIT $3
