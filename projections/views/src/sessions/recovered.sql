-- Back to where it was before the loss.
UPDATE session SET
    sequence      = $2,
    lost_until_ms = NULL,
    state         = CASE WHEN live_at_ms IS NOT NULL THEN 'LIVE' WHEN input IS NOT NULL THEN 'PROCESSING' ELSE 'INIT' END
WHERE id = $1
