select id, fingerprint, answer, at_ms, last_sequence, xid::text as xid, position from commands where id = $1
