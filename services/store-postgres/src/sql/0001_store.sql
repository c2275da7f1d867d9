create table store (
  only_row               integer primary key check (only_row = 1),
  incarnation            text not null,
  master_key_fingerprint text,
  -- Which database of which cluster this is: in another one the transaction ids below mean nothing.
  home                   text not null
);

-- postgres-es 0.5's layout first; what is ours stands behind it. The log is this table.
create table events (
  aggregate_type text   not null,
  aggregate_id   text   not null,
  sequence       bigint not null check (sequence > 0),
  event_type     text   not null,
  event_version  text   not null,
  payload        json   not null,
  metadata       json   not null,
  event_id       text   not null,
  line           text   not null,
  project_id     text   not null,
  position       bigint not null generated always as identity,
  -- Never below the id of a transaction whose events its own decision knew: it is given by the first write, after the
  -- snapshot that looked for them was taken.
  xid            xid8   not null default pg_current_xact_id(),
  -- The gate of each aggregate. Its violation is a conflict, and the only one that is.
  constraint events_pkey primary key (aggregate_type, aggregate_id, sequence)
);

-- The order of the log, and of looking back by filter. What else may be asked stands behind, so that an event that is not
-- meant is passed over without being read.
create unique index events_in_order on events (xid, position) include (event_type);
create index events_of_project on events (project_id, xid, position) include (event_type);
create index events_of_line on events (line, xid, position);
create index events_of_id on events (aggregate_id, xid, position);

create table commands (
  id            text   not null,
  fingerprint   text   not null,
  answer        bytea  not null,
  at_ms         bigint not null,
  last_sequence bigint not null,
  xid           xid8   not null,
  position      bigint not null,
  constraint commands_pkey primary key (id)
);

create index commands_by_time on commands (at_ms);

create table secrets (
  id            bigint generated always as identity primary key,
  kind          text   not null,
  owner         text   not null,
  lookup        bytea,
  sealed        bytea  not null,
  expires_at_ms bigint
);

create index secrets_by_lookup on secrets (lookup, kind) where lookup is not null;
create index secrets_by_owner on secrets (owner, kind);
