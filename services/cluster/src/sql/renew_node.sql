-- No row: another process runs as this node, or it was taken for lost.
update node set until = clock_timestamp() + $3, facts = $4
where id = $1 and token = $2 and lost_at is null
