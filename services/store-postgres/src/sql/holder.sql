-- Whose transaction is the oldest: a session's, or one that was prepared and left.
select who from (
  select format('process %s (%s, user %s, %s)', pid, coalesce(nullif(application_name, ''), 'unnamed'), usename, state) as who,
    backend_xid as xid
  from pg_stat_activity where backend_xid is not null
  union all
  select format('the prepared transaction %s', gid), transaction from pg_prepared_xacts
) as holders
order by age(xid) desc
limit 1
