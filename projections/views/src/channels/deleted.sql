DELETE FROM channel WHERE id = $1 AND sequence < $2
