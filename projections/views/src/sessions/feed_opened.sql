UPDATE session SET sequence = $2, feed = $3, node = $4 WHERE id = $1
