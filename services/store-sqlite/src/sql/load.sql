select * from events where aggregate_type = $1 and aggregate_id = $2 and sequence > $3 order by sequence
