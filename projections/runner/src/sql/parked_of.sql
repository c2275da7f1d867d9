select aggregate_type, sequence, event from runner_parked where aggregate_id = $1 order by aggregate_type, sequence
