UPDATE channel SET
    sequence             = $2,
    name                 = COALESCE($3, name),
    name_folded          = COALESCE($4, name_folded),
    latency_mode         = COALESCE($5, latency_mode),
    auto_go_live         = COALESCE($6, auto_go_live),
    max_session_duration = COALESCE($7, max_session_duration),
    reconnect_window     = COALESCE($8, reconnect_window),
    end_on_unpublish     = COALESCE($9, end_on_unpublish)
WHERE id = $1
