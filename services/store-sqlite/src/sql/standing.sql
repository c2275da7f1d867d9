select c.id, c.fingerprint, c.answer, c.at_ms, c.last_sequence, c.position,
  (select coalesce(max(sequence), 0) from events where aggregate_type = $2 and aggregate_id = $3) as stands
from (select 1) left join commands c on c.id = $1
