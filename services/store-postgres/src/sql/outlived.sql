-- Whether events stand here of transactions that have not been yet.
select coalesce((select max(xid) from events) >= pg_snapshot_xmax(pg_current_snapshot()), false)
