UPDATE channel SET
    sequence        = $2,
    state           = CASE state WHEN 'ACTIVE' THEN 'IDLE' ELSE state END,
    current_session = NULL
WHERE id = $1
