insert into runner_seen (aggregate_type, aggregate_id, sequence) values ($1, $2, $3)
on conflict (aggregate_type, aggregate_id) do update set sequence = excluded.sequence
