select setval('events_position_seq', greatest((select coalesce(max(position), 1) from events), 1))
