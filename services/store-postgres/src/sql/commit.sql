-- Commits of different aggregates in one statement, each whole or not at all: its snapshot is older than its transaction id,
-- which the insert of the events takes. Each row is looked for by itself, which leaves the planner nothing but the indexes,
-- whatever it believes of the tables.
with given as materialized (
  select * from unnest(
    $1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::bytea[], $11::bigint[]
  ) as given (
    n, command, aggregate_type, aggregate_id, expected, metadata, line, project_id, fingerprint, answer, at_ms
  )
), found as materialized (
  select given.n, standing.*, (
    select coalesce(max(sequence), 0) from events
    where events.aggregate_type = given.aggregate_type and events.aggregate_id = given.aggregate_id
  ) as last
  from given left join lateral (
    select id, fingerprint, answer, at_ms, last_sequence, xid, position from commands where id = given.command limit 1
  ) as standing on true
), may as materialized (
  select given.* from given join found using (n) where found.last = given.expected and found.id is null
), made as (
  insert into events (
    aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, event_id, line, project_id
  )
  select aggregate_type, aggregate_id, expected + number, event_type, event_version, payload::json, metadata::json,
    event_id, line, project_id
  from may join unnest($12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::text[], $17::text[])
    as event (n, number, event_type, event_version, payload, event_id) using (n)
  order by aggregate_type, aggregate_id, number
  returning aggregate_type, aggregate_id, sequence, position
), kept as (
  insert into commands (id, fingerprint, answer, at_ms, last_sequence, xid, position)
  select command, fingerprint, answer, at_ms, coalesce(made.last, expected), pg_current_xact_id(), coalesce(made.position, 0)
  from may left join (
    select aggregate_type, aggregate_id, max(sequence) as last, max(position) as position from made group by 1, 2
  ) as made using (aggregate_type, aggregate_id)
  order by command
  returning id, xid, position
)
select found.last as found, kept.xid::text as kept_xid, kept.position as kept_position,
  found.id, found.fingerprint, found.answer, found.at_ms, found.last_sequence, found.xid::text as xid, found.position
from given join found using (n) left join kept on kept.id = given.command
order by n
