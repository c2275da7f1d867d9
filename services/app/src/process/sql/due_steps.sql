SELECT line, kind, subject, due_ms, attempts FROM step
WHERE not_before_ms <= $1 ORDER BY not_before_ms, line, kind, subject LIMIT $2
