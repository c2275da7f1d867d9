UPDATE channel SET sequence = $2, state = $3 WHERE id = $1
