insert into events (
  event_id, aggregate_type, aggregate_id, line, project_id, sequence, name, version, data,
  actor, command_id, causation_id, correlation_id, at_ms
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
