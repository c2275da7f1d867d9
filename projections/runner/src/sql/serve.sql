insert into standing (view, version, generation, node, building) values ($1, $2, $3, $4, null)
on conflict (view, version) do update
set generation = excluded.generation, node = excluded.node, building = null, trouble = null
