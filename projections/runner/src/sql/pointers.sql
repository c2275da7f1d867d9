create table if not exists serving (view text primary key, generation bigint not null)
