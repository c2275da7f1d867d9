SELECT * FROM asset WHERE session = $1
