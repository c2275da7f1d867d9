insert into asked (view, version, what) values ($1, $2, $3) returning id
