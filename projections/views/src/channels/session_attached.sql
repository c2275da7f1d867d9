UPDATE channel SET sequence = $2, state = 'ACTIVE', current_session = $3, last_session = $3 WHERE id = $1
