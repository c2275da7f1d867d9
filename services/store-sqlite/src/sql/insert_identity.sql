insert into store (only_row, incarnation) values (1, $1) on conflict do nothing
