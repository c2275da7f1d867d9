UPDATE session SET sequence = $2, state = 'PROCESSING', input = $3 WHERE id = $1
