delete from commands where id in (select id from commands where at_ms < $1 order by at_ms limit $2)
