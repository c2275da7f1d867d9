delete from commands where at_ms < $1
