-- Takes a lease that nobody holds, or whose holder has said nothing for his term; also one that an earlier process of this very
-- node held: it is gone, or this one could not have joined. No row: another one holds it, or commits something under its fence
-- just now.
with free as (
    select name from lease
    where name = $2 and (holder is null or holder = $1 or until < clock_timestamp())
    for update skip locked
)
update lease
set holder = $1, token = lease.token + 1, until = clock_timestamp() + $3
from free where lease.name = free.name
returning lease.token
