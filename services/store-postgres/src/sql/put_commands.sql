insert into commands (id, fingerprint, answer, at_ms, last_sequence, xid, position)
select id, fingerprint, answer, at_ms, last_sequence, '0'::xid8, position
from unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[])
  as given (id, fingerprint, answer, at_ms, last_sequence, position)
