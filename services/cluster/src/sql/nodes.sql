select
    node.id,
    node.token,
    node.facts,
    (extract(epoch from node.started_at) * 1000)::bigint as started_ms,
    -- What is left of its word; what has passed since it ran out, negative.
    (extract(epoch from node.until - clock_timestamp()) * 1000)::bigint as left_ms,
    node.lost_at is not null as is_lost,
    coalesce(
        (select array_agg(lease.name order by lease.name) from lease where lease.holder = node.id and lease.until >= clock_timestamp()),
        '{}'
    ) as leases
from node
order by node.id
