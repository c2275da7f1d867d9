select coalesce(host(session.client_addr), 'this machine')
from pg_locks as held join pg_stat_activity as session using (pid)
where held.locktype = 'advisory' and held.granted and held.objsubid = 1
  and held.database = (select oid from pg_database where datname = current_database())
  and (held.classid::bigint << 32) | held.objid::bigint = $1
