-- Answers those that are still ours.
update lease set until = clock_timestamp() + $4
from unnest($2::text[], $3::bigint[]) as mine (name, token)
where lease.name = mine.name and lease.token = mine.token and lease.holder = $1
returning lease.name
