update runner_parked set error = $4 where aggregate_type = $1 and aggregate_id = $2 and sequence = $3
