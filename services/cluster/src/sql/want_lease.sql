insert into lease (name, token, until) values ($1, 0, clock_timestamp()) on conflict (name) do nothing
