insert into standing (view, version, node, building, trouble) values ($1, $2, $3, $4, $5)
on conflict (view, version) do update
set node = excluded.node, building = excluded.building, trouble = excluded.trouble
