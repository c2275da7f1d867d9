-- Newest first; where there are too many, those that are revoked are left out first.
SELECT * FROM (
    SELECT * FROM api_token
    WHERE project = $1
    ORDER BY revoked_at_ms IS NOT NULL, created_at_ms DESC, id DESC
    LIMIT $2
) AS kept
ORDER BY created_at_ms DESC, id DESC
