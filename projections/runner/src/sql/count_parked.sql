select count(*) as events, count(distinct aggregate_type || ' ' || aggregate_id) as lines from runner_parked
