select coalesce(max(sequence), 0) from events where aggregate_type = $1 and aggregate_id = $2
