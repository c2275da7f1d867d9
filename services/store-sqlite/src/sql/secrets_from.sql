select id, kind, owner, lookup, sealed, expires_at_ms from secrets where id > $1 order by id limit $2
