select count(*) from (
  select from events where (xid, position) > ($1::text::xid8, $2) order by xid, position limit $3
) as behind
