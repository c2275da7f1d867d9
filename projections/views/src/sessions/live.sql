UPDATE session SET sequence = $2, state = 'LIVE', live_at_ms = $3 WHERE id = $1
