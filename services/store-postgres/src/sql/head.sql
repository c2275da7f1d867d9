-- Up to where nothing can come in between any more, the last event before that, and whether committed ones wait behind it.
with now as materialized (select pg_snapshot_xmin(pg_current_snapshot()) as oldest)
select now.oldest::text as oldest, coalesce(last.xid, '0'::xid8)::text as xid, coalesce(last.position, 0) as position,
  exists (select from events where xid >= now.oldest) as waiting
from now left join lateral (
  select xid, position from events where xid < now.oldest order by xid desc, position desc limit 1
) as last on true
