SELECT * FROM project ORDER BY created_at_ms, id LIMIT $1
