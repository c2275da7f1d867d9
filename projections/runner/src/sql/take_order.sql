update asked set is_taken = true
where id = (select min(id) from asked where view = $1 and version = $2 and not is_taken)
returning id, what
