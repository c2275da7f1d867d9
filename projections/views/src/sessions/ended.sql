UPDATE session SET
    sequence = $2, state = 'ENDED', ended_at_ms = $3, end_reason = $4, end_fault = $5, lost_until_ms = NULL
WHERE id = $1
