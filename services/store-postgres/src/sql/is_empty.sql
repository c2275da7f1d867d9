select not exists (select from events) and not exists (select from commands) and not exists (select from secrets)
