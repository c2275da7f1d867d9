insert into commands (id, fingerprint, answer, at_ms, last_sequence, position) values ($1, $2, $3, $4, $5, $6)
