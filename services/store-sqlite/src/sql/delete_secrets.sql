delete from secrets
where kind = $1 and owner = $2 and ($3 is null or lookup = $3) and ($4 is null or expires_at_ms <= $4)
