select p.aggregate_type, p.aggregate_id, p.sequence, p.event, coalesce(p.error, '') as error,
  (select count(*) from runner_parked w
   where w.aggregate_type = p.aggregate_type and w.aggregate_id = p.aggregate_id) - 1 as waiting
from runner_parked p
where p.sequence = (select min(f.sequence) from runner_parked f
                    where f.aggregate_type = p.aggregate_type and f.aggregate_id = p.aggregate_id)
order by p.aggregate_type, p.aggregate_id
