SELECT * FROM channel WHERE playback_id = $1
