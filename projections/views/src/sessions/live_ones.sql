SELECT * FROM session WHERE state = 'LIVE' ORDER BY live_at_ms DESC, id DESC LIMIT $1
