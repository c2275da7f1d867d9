select aggregate_type, aggregate_id, sequence, event_type, event_version, payload::text as payload,
  metadata::text as metadata, event_id, line, project_id, xid::text as xid, position
from events where xid = '0' and position > $1 order by position limit $2
