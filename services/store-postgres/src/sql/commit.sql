-- One commit, whole in one statement: its snapshot is older than its transaction id, which the insert of the events takes.
with standing as (
  select id, fingerprint, answer, at_ms, last_sequence, xid, position from commands where id = $1
), found as (
  select coalesce(max(sequence), 0) as last from events where aggregate_type = $2 and aggregate_id = $3
), may as (
  select from found where last = $4 and not exists (select from standing)
), made as (
  insert into events (
    aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, event_id, line, project_id
  )
  select $2, $3, $4 + n, event_type, event_version, payload::json, $5::json, event_id, $6, $7
  from may, unnest($8::text[], $9::text[], $10::text[], $11::text[])
    with ordinality as given (event_type, event_version, payload, event_id, n)
  order by n
  returning position
), kept as (
  insert into commands (id, fingerprint, answer, at_ms, last_sequence, xid, position)
  select $1, $12, $13, $14, $4 + (select count(*) from made), pg_current_xact_id(),
    coalesce((select max(position) from made), 0)
  from may
  returning xid, position
)
select found.last as found, kept.xid::text as kept_xid, kept.position as kept_position,
  standing.id, standing.fingerprint, standing.answer, standing.at_ms, standing.last_sequence,
  standing.xid::text as xid, standing.position
from found left join kept on true left join standing on true
