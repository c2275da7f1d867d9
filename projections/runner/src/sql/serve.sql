insert into serving (view, generation) values ($1, $2)
on conflict (view) do update set generation = excluded.generation
