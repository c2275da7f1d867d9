update store set incarnation = $1, home = $2 where only_row = 1
