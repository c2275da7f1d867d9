-- Whoever asked these is gone.
delete from asked where asked_at < clock_timestamp() - interval '1 minute'
