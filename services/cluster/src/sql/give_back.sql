update lease set holder = null where name = $1 and token = $2
