-- Takes a node for lost whose word has run out. Its token rises, so that it finds out when it wakes up.
update node set token = token + 1, lost_at = clock_timestamp()
where id = $1 and token = $2 and lost_at is null and until < clock_timestamp()
