select id, fingerprint, answer, at_ms, last_sequence, position from commands where id > $1 order by id limit $2
