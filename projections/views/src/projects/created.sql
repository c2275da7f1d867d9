INSERT INTO project (id, sequence, name, created_at_ms) VALUES ($1, $2, $3, $4)
