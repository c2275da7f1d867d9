create table store (
  only_row               integer primary key check (only_row = 1),
  incarnation            text not null,
  master_key_fingerprint text
) strict;

-- The log is this table. Autoincrement: a position is never given twice and VACUUM does not change it.
create table events (
  position       integer primary key autoincrement,
  event_id       text    not null,
  aggregate_type text    not null,
  aggregate_id   text    not null,
  line           text    not null,
  project_id     text    not null,
  sequence       integer not null check (sequence > 0),
  name           text    not null,
  version        integer not null,
  data           text    not null,
  actor          text    not null,
  command_id     text    not null,
  causation_id   text,
  correlation_id text    not null,
  at_ms          integer not null
) strict;

-- The gate of each aggregate. Its violation is a conflict, and the only one that is.
create unique index events_of_aggregate on events (aggregate_type, aggregate_id, sequence);

create table commands (
  id            text    primary key,
  fingerprint   text    not null,
  answer        blob    not null,
  at_ms         integer not null,
  last_sequence integer not null,
  position      integer not null
) strict, without rowid;

create index commands_by_time on commands (at_ms);

create table secrets (
  id            integer primary key,
  kind          text    not null,
  owner         text    not null,
  lookup        blob,
  sealed        blob    not null,
  expires_at_ms integer
) strict;

create index secrets_by_lookup on secrets (lookup, kind) where lookup is not null;
create index secrets_by_owner on secrets (owner, kind);
