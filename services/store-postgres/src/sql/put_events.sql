insert into events (
  aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, event_id, line, project_id,
  position, xid
) overriding system value
select aggregate_type, aggregate_id, sequence, event_type, event_version, payload::json, metadata::json, event_id, line,
  project_id, position, '0'::xid8
from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
  $10::text[], $11::bigint[])
  as given (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, event_id, line,
    project_id, position)
