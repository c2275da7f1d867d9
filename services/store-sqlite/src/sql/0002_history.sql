-- Looking back by filter. The name stands last in each, so that an event with another name is passed over without being read.
create index events_of_project on events (project_id, position, name);
create index events_of_line on events (line, position, name);
create index events_of_id on events (aggregate_id, position, name);
