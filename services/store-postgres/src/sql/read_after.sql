select aggregate_type, aggregate_id, sequence, event_type, event_version, payload::text as payload,
  metadata::text as metadata, event_id, line, project_id, xid::text as xid, position
from events
where (xid, position) > ($1::text::xid8, $2) and xid < pg_snapshot_xmin(pg_current_snapshot())
order by events.xid, position
limit $3
