-- Looking back by filter. What else may be asked stands behind the position, so that an event that is not meant is passed over
-- without being read.
create index events_of_project on events (project_id, position, name);
create index events_of_line on events (line, position, name, project_id);
create index events_of_id on events (aggregate_id, position, name);
