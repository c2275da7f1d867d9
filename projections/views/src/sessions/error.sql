UPDATE session SET sequence = $2, state = 'ERROR', lost_until_ms = $3 WHERE id = $1
