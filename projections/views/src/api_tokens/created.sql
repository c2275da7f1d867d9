INSERT INTO api_token (
    id, sequence, project, name, prefix, scopes, channels, created_at_ms, created_by, expires_at_ms
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
