select kind, owner, lookup, sealed, expires_at_ms from secrets where owner = any($2) and kind = $1 order by id
