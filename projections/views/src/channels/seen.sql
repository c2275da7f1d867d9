UPDATE channel SET sequence = $2 WHERE id = $1
