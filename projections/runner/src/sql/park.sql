insert into runner_parked (aggregate_type, aggregate_id, sequence, event, error) values ($1, $2, $3, $4, $5)
on conflict do nothing
