create schema if not exists sigma_cluster;

-- A node, as it said last. `token` rises with each process that runs as it, and when it is taken for lost.
create table if not exists sigma_cluster.node (
    id text collate "C" primary key,
    token bigint not null,
    -- Nobody is to rely on it after this moment.
    until timestamptz not null,
    started_at timestamptz not null,
    -- Since when it is taken for lost, and its sessions for without a node.
    lost_at timestamptz,
    -- Roles, version, addresses: for others to see.
    facts jsonb not null
);

-- A thing that only one may do. `holder` is null once it was given back.
create table if not exists sigma_cluster.lease (
    name text collate "C" primary key,
    holder text collate "C",
    token bigint not null,
    until timestamptz not null
);
