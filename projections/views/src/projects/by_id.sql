SELECT * FROM project WHERE id = $1
