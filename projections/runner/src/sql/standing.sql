select
  coalesce((select sequence from runner_seen where aggregate_type = $1 and aggregate_id = $2), 0) as last,
  exists (select 1 from runner_parked where aggregate_type = $1 and aggregate_id = $2) as parked
