-- Two more tables of records: what Patroni writes, and what anything else writes into the same log or beside it.
--
-- log.patroni     one row for each record of Patroni, a whole traceback included
-- log.component   one row for each record of pgbouncer, pgBackRest, an operator's own processes, …

COMMENT ON SCHEMA log IS
    'Log records of many PostgreSQL servers, collected by Trunkline. Start with log.postgres; log.patroni has what Patroni '
    'wrote, log.component what other programs beside the server wrote.';

COMMENT ON TYPE log.severity IS
    'Severities in ascending order, so that error_severity >= ''WARNING'' means what it says. '
    'Servers write plain DEBUG for all five debug levels; DEBUG1 to DEBUG5 come from other sources. '
    'Severities that a server wrote in another language (FEHLER, ERREUR, …) are stored as the English ones; '
    'CRITICAL, which Patroni and other Python programs write, is FATAL.';

-- ---------------------------------------------------------------- log.patroni

CREATE TABLE log.patroni (
    log_time               timestamptz  NOT NULL,

    -- where it comes from
    namespace              text,
    cluster                text,
    pod                    text,
    container              text,
    node                   text,
    role                   text,

    -- what Patroni's log.format can write, by the names of log.postgres where it has them
    error_severity         log.severity,
    logger                 text,
    thread                 text,
    process_id             integer,
    message                text,
    location               text,

    -- which record of which file it is, and what there is beyond these columns
    stream                 uuid         NOT NULL,
    position               bigint       NOT NULL,
    escaped                text[],
    extra                  jsonb
);

COMMENT ON TABLE log.patroni IS
    'One row for each record that Patroni wrote to its log; a traceback is part of its record''s message. What the '
    'configured log.format leaves out is NULL. '
    'A hypertable by log_time: give every query a time range, and order by log_time.';

COMMENT ON COLUMN log.patroni.log_time       IS 'when Patroni wrote the record, as exactly as its log says';
COMMENT ON COLUMN log.patroni.namespace      IS 'Kubernetes namespace of the pod, or what the collector was configured with';
COMMENT ON COLUMN log.patroni.cluster        IS 'database cluster that the server belongs to';
COMMENT ON COLUMN log.patroni.pod            IS 'pod or host that Patroni runs in';
COMMENT ON COLUMN log.patroni.container      IS 'container in the pod';
COMMENT ON COLUMN log.patroni.node           IS 'machine that the pod runs on';
COMMENT ON COLUMN log.patroni.role           IS 'role of the server at that moment: primary, replica, …';
COMMENT ON COLUMN log.patroni.error_severity IS
    'level of the record; CRITICAL is FATAL. NULL where the log says none, and where the level has no such name: then it is in extra';
COMMENT ON COLUMN log.patroni.logger         IS 'name of the logger, as patroni.ha';
COMMENT ON COLUMN log.patroni.thread         IS 'name of the thread, as MainThread';
COMMENT ON COLUMN log.patroni.location       IS 'source file, line or function of Patroni, where log.format has them';
COMMENT ON COLUMN log.patroni.stream         IS 'one log file of one pod, see log.stream';
COMMENT ON COLUMN log.patroni.position       IS
    'byte offset of the record in its file; (stream, position) is unique over all tables, and its order is the order of the file';
COMMENT ON COLUMN log.patroni.escaped        IS 'columns whose bytes could not be stored as text, see log.postgres.escaped';
COMMENT ON COLUMN log.patroni.extra          IS 'what the record has beyond these columns: fields of a JSON log, static_fields, a level by another name';

SELECT create_hypertable('log.patroni', by_range('log_time', INTERVAL '1 day'));

-- ---------------------------------------------------------------- log.component

CREATE TABLE log.component (
    log_time               timestamptz  NOT NULL,

    -- where it comes from
    namespace              text,
    cluster                text,
    pod                    text,
    container              text,
    node                   text,
    role                   text,

    -- what is known of it
    component              text,
    error_severity         log.severity,
    process_id             integer,
    message                text,

    -- which record of which file it is, and what there is beyond these columns
    stream                 uuid         NOT NULL,
    position               bigint       NOT NULL,
    escaped                text[],
    extra                  jsonb
);

COMMENT ON TABLE log.component IS
    'One row for each record that neither a PostgreSQL server nor Patroni wrote: pgbouncer, pgBackRest, scripts of an image, '
    'an operator''s own process in the pod. '
    'A hypertable by log_time: give every query a time range, and order by log_time.';

COMMENT ON COLUMN log.component.log_time       IS 'when the record was written; where it doesn''t say so itself, when the container runtime read it, or when the record before it was written';
COMMENT ON COLUMN log.component.namespace      IS 'Kubernetes namespace of the pod, or what the collector was configured with';
COMMENT ON COLUMN log.component.cluster        IS 'database cluster that the pod belongs to';
COMMENT ON COLUMN log.component.pod            IS 'pod or host';
COMMENT ON COLUMN log.component.container      IS 'container in the pod';
COMMENT ON COLUMN log.component.node           IS 'machine that the pod runs on';
COMMENT ON COLUMN log.component.role           IS 'role of the pod''s server at that moment: primary, replica, …';
COMMENT ON COLUMN log.component.component      IS 'what wrote it, where that is known: pgbouncer, pgbackrest, the name of a logger';
COMMENT ON COLUMN log.component.error_severity IS 'NULL where the record says none, or none that is known';
COMMENT ON COLUMN log.component.message        IS 'the record''s text; where no more is known of it, the whole of its bytes';
COMMENT ON COLUMN log.component.stream         IS 'one log file of one pod, see log.stream';
COMMENT ON COLUMN log.component.position       IS
    'byte offset of the record in its file; (stream, position) is unique over all tables, and its order is the order of the file';
COMMENT ON COLUMN log.component.escaped        IS 'columns whose bytes could not be stored as text, see log.postgres.escaped';
COMMENT ON COLUMN log.component.extra          IS 'what the record has beyond these columns, as fields of a JSON log';

SELECT create_hypertable('log.component', by_range('log_time', INTERVAL '1 day'));

-- ---------------------------------------------------------------- what is no longer only about log.postgres

COMMENT ON COLUMN log.postgres.position IS
    'byte offset of the record in its file; (stream, position) is unique over all tables, and its order is the order in which the server wrote';

COMMENT ON COLUMN log.postgres.extra IS 'what the record has beyond these columns';

COMMENT ON TABLE log.stream IS
    'How far each log file has been stored. The position moves in the same transaction that stores the rows: '
    'everything below it is in log.postgres, log.patroni, log.component or log.rejected, nothing at or above it is. '
    'Deleting a row is safe when its file is gone; for a file that still exists it leads to doubled rows.';

COMMENT ON TABLE log.rejected IS
    'Records that could not be stored as rows: not well-formed, or refused by the database. Each is kept here once, '
    'in the same transaction as its neighbours in log.postgres, log.patroni and log.component. '
    'Read raw by convert_from(raw, ''UTF8'').';

COMMENT ON COLUMN log.rejected.reason IS 'why it is here and not in the table of its kind';

COMMENT ON COLUMN log.rejected.raw IS
    'the bytes of the record as they stand in the log, or, where it was well-formed and the database refused it, the record as a JSON object';
