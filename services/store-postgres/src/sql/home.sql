-- The cluster by the identifier that it got at its making, and the database in it.
select (select system_identifier from pg_control_system())::text || '/'
  || (select oid from pg_database where datname = current_database())::text
