-- A step that stands keeps its tries. The wait before a session is given up is counted from when it was first seen, so it
-- may only become shorter.
INSERT INTO step (line, kind, subject, due_ms, attempts, not_before_ms)
VALUES ($1, $2, $3, $4, 0, $4)
ON CONFLICT (line, kind, subject) DO UPDATE
SET due_ms = excluded.due_ms, attempts = 0, not_before_ms = excluded.not_before_ms
WHERE excluded.due_ms <> step.due_ms AND (excluded.kind <> 'abandon' OR excluded.due_ms < step.due_ms)
