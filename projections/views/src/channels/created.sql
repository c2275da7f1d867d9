INSERT INTO channel (
    id, sequence, project, name, name_folded, state, playback_id, latency_mode, auto_go_live, max_session_duration,
    reconnect_window, end_on_unpublish, created_at_ms
) VALUES ($1, $2, $3, $4, $5, 'IDLE', $6, $7, $8, $9, $10, $11, $12)
