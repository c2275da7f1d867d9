-- The runner's own rows in each generation. They change in the same transaction as the view's.
create table runner_state (
  only_row   bigint primary key check (only_row = 1),
  projection text   not null,
  version    bigint not null,
  cursor     text   not null,
  handled    bigint not null
);

create table runner_seen (
  aggregate_type text   not null,
  aggregate_id   text   not null,
  sequence       bigint not null,
  primary key (aggregate_type, aggregate_id)
);

-- The first row of an aggregate is the poison and has its error; the others wait behind it.
create table runner_parked (
  aggregate_type text   not null,
  aggregate_id   text   not null,
  sequence       bigint not null,
  event          text   not null,
  error          text,
  primary key (aggregate_type, aggregate_id, sequence)
);
