-- How far aggregates of a type are, and which of them are parked.
select aggregate_id, sequence as last, false as parked from runner_seen
where aggregate_type = $1 and aggregate_id in (select value from json_each($2))
union all
select distinct aggregate_id, 0, true from runner_parked
where aggregate_type = $1 and aggregate_id in (select value from json_each($2))
