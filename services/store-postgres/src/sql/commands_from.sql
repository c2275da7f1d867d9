select id, fingerprint, answer, at_ms, last_sequence, xid::text as xid, position from commands
where id collate "C" > $1 order by id collate "C" limit $2
