insert into runner_state (only_row, projection, version, cursor, handled) values (1, $1, $2, '', 0)
