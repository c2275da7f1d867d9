select projection, version, cursor, handled from runner_state where only_row = 1
