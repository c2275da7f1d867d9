create schema if not exists sigma_relay;
create table if not exists sigma_relay.place (
  only_row integer primary key check (only_row = 1),
  epoch bigint not null,
  log text,
  partitions integer,
  cursor text,
  published bigint
);
insert into sigma_relay.place (only_row, epoch) values (1, 1) on conflict do nothing
