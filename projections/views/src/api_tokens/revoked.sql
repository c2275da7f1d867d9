UPDATE api_token SET sequence = $2, revoked_at_ms = $3 WHERE id = $1
