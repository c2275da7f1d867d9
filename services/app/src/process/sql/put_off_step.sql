UPDATE step SET attempts = attempts + 1, not_before_ms = $5
WHERE line = $1 AND kind = $2 AND subject = $3 AND due_ms = $4
