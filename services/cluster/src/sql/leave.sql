-- A node that stops in order is none any more.
delete from node where id = $1 and token = $2
