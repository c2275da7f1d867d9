-- Generations bore no version's name here once: what serves is found again by reading on in it.
drop table if exists serving;

-- How each version of each view stands. Nodes of two versions run beside each other while a new one is rolled out.
create table if not exists standing (
  view       text   not null,
  version    bigint not null,
  -- The generation that serves; none before the first.
  generation bigint,
  -- The node that runs it, or ran it last.
  node       text   not null,
  -- The generation that is being filled.
  building   bigint,
  -- Why it does not get on, where it does not.
  trouble    text,
  primary key (view, version)
);

-- The highest number that a generation of a view ever had: none is given twice, whatever its version.
create table if not exists number (
  view    text primary key,
  highest bigint not null
);

-- What is asked of the node that runs a view.
create table if not exists asked (
  id       bigint generated always as identity primary key,
  view     text   not null,
  version  bigint not null,
  what     text   not null,
  asked_at timestamptz not null default clock_timestamp(),
  -- It is begun once: a node that is lost in the midst leaves it unanswered.
  is_taken boolean not null default false,
  answer   text
);
