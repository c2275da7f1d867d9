-- The highest position and one more than the highest transaction id that were ever given here.
select last_value as position, pg_snapshot_xmax(pg_current_snapshot())::text as xid from events_position_seq
