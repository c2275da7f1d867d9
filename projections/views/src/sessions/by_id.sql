SELECT * FROM session WHERE id = $1
