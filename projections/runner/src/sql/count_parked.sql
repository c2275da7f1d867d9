select count(*), count(distinct aggregate_type || ' ' || aggregate_id) from runner_parked
