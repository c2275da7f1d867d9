insert into secrets (kind, owner, lookup, sealed, expires_at_ms) values ($1, $2, $3, $4, $5)
