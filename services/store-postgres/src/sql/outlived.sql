-- Whether events stand here of transactions that have not been yet.
select coalesce(
  (select xid from events order by xid desc, position desc limit 1) >= pg_snapshot_xmax(pg_current_snapshot()), false
)
