INSERT INTO session (id, sequence, channel, project, playback_id, state, node, feed, latency_mode, started_at_ms)
VALUES ($1, $2, $3, $4, $5, 'INIT', $6, $7, $8, $9)
