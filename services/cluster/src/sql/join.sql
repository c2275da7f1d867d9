-- Runs as a node from now on, whoever ran as it before.
insert into node (id, token, until, started_at, lost_at, facts)
values ($1, 1, clock_timestamp() + $2, clock_timestamp(), null, $3)
on conflict (id) do update
set token = node.token + 1, until = excluded.until, started_at = excluded.started_at, lost_at = null, facts = excluded.facts
returning token
