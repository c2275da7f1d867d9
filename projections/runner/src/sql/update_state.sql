-- From where it was read on: a second runner, should there ever be one, moves nothing under the first.
update runner_state set cursor = $1, handled = $2 where only_row = 1 and cursor = $3
