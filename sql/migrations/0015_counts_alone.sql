-- Reading counts takes less time than it takes to start processes that would help.
ALTER TABLE log.count_delta  SET (parallel_workers = 0);
ALTER TABLE log.count_minute SET (parallel_workers = 0);
ALTER TABLE log.count_hour   SET (parallel_workers = 0);
ALTER TABLE log.count_day    SET (parallel_workers = 0);
