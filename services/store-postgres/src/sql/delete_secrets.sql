delete from secrets
where kind = $1 and owner = $2 and ($3::bytea is null or lookup = $3) and ($4::bigint is null or expires_at_ms <= $4)
