SELECT * FROM asset WHERE project = $1 AND id IN (SELECT value FROM json_each($2))
