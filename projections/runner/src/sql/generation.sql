-- The runner's own rows in each generation. They change in the same transaction as the view's.
create table runner_state (
  only_row   integer primary key check (only_row = 1),
  projection text    not null,
  version    integer not null,
  cursor     text    not null,
  handled    integer not null
) strict;

create table runner_seen (
  aggregate_type text    not null,
  aggregate_id   text    not null,
  sequence       integer not null,
  primary key (aggregate_type, aggregate_id)
) strict, without rowid;

-- The first row of an aggregate is the poison and has its error; the others wait behind it.
create table runner_parked (
  aggregate_type text    not null,
  aggregate_id   text    not null,
  sequence       integer not null,
  event          text    not null,
  error          text,
  primary key (aggregate_type, aggregate_id, sequence)
) strict, without rowid;
