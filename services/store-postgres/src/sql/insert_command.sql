insert into commands (id, fingerprint, answer, at_ms, last_sequence, xid, position)
values ($1, $2, $3, $4, 0, pg_current_xact_id(), 0)
on conflict (id) do nothing
