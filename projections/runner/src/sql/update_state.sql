update runner_state set cursor = $1, handled = $2 where only_row = 1
