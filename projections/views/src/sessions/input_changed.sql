UPDATE session SET sequence = $2, input = $3 WHERE id = $1
