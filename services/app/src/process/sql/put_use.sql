INSERT INTO token_use (token, at_ms) VALUES ($1, $2)
ON CONFLICT (token) DO UPDATE SET at_ms = excluded.at_ms WHERE excluded.at_ms > token_use.at_ms
