insert into store (only_row, incarnation, home) values (1, $1, $2) on conflict do nothing
