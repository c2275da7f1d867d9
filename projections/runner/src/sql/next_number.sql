insert into number (view, highest) values ($1, $2 + 1)
on conflict (view) do update set highest = greatest(number.highest, $2) + 1
returning highest
