-- Up to where nothing can come in between any more, the last event before that, and whether committed ones wait behind it.
-- Each is asked as the first row in an order, which leaves the planner nothing but the index, whatever it believes of the table.
with now as materialized (select pg_snapshot_xmin(pg_current_snapshot()) as oldest)
select now.oldest::text as oldest, coalesce(last.xid, '0'::xid8)::text as xid, coalesce(last.position, 0) as position,
  coalesce((select xid from events order by xid desc, position desc limit 1) >= now.oldest, false) as waiting
from now left join lateral (
  select xid, position from events where xid < now.oldest order by xid desc, position desc limit 1
) as last on true
