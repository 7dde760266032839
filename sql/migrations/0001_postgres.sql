-- The schema `log`: where the log records of a fleet of PostgreSQL servers live.
--
-- log.postgres    one row for each record that a server wrote to its csvlog
-- log.stream      how far each log file has been stored
-- log.rejected    what could not be stored as a row, with its bytes and the reason
-- log.migration   which of these files have been applied (made by the ingester itself)

CREATE SCHEMA IF NOT EXISTS log;

COMMENT ON SCHEMA log IS
    'Log records of many PostgreSQL servers, collected by Trunkline. Start with log.postgres.';

-- ---------------------------------------------------------------- severity

CREATE TYPE log.severity AS ENUM (
    'DEBUG5', 'DEBUG4', 'DEBUG3', 'DEBUG2', 'DEBUG1', 'DEBUG',
    'LOG', 'INFO', 'NOTICE', 'WARNING', 'ERROR', 'FATAL', 'PANIC'
);

COMMENT ON TYPE log.severity IS
    'Severities in ascending order, so that error_severity >= ''WARNING'' means what it says. '
    'Servers write plain DEBUG for all five debug levels; DEBUG1 to DEBUG5 come from other sources. '
    'Severities that a server wrote in another language (FEHLER, ERREUR, …) are stored as the English ones.';

-- ---------------------------------------------------------------- log.postgres

CREATE TABLE log.postgres (
    log_time               timestamptz  NOT NULL,

    -- where it comes from
    namespace              text,
    cluster                text,
    pod                    text,
    container              text,
    node                   text,
    role                   text,

    -- the columns of csvlog, in the order and by the names of the PostgreSQL manual
    user_name              text,
    database_name          text,
    process_id             integer,
    connection_from        text,
    session_id             text,
    session_line_num       bigint,
    command_tag            text,
    session_start_time     timestamptz,
    virtual_transaction_id text,
    transaction_id         bigint,
    error_severity         log.severity NOT NULL,
    sql_state_code         text,
    message                text,
    detail                 text,
    hint                   text,
    internal_query         text,
    internal_query_pos     integer,
    context                text,
    query                  text,
    query_pos              integer,
    location               text,
    application_name       text,
    backend_type           text,
    leader_pid             integer,
    query_id               bigint,

    -- which record of which file it is, and what csvlog has no column for
    stream                 uuid         NOT NULL,
    position               bigint       NOT NULL,
    escaped                text[],
    extra                  jsonb
);

COMMENT ON TABLE log.postgres IS
    'One row for each record that a PostgreSQL server wrote to its log. The columns from log_time to query_id are '
    'those of csvlog, see "Error Reporting and Logging" in the PostgreSQL manual; what csvlog leaves empty is NULL. '
    'A hypertable by log_time: give every query a time range, and order by log_time.';

COMMENT ON COLUMN log.postgres.log_time               IS 'when the server wrote the record, to the millisecond';
COMMENT ON COLUMN log.postgres.namespace              IS 'Kubernetes namespace of the pod, or what the collector was configured with';
COMMENT ON COLUMN log.postgres.cluster                IS 'database cluster that the server belongs to';
COMMENT ON COLUMN log.postgres.pod                    IS 'pod or host that the server runs in';
COMMENT ON COLUMN log.postgres.container              IS 'container in the pod';
COMMENT ON COLUMN log.postgres.node                   IS 'machine that the pod runs on';
COMMENT ON COLUMN log.postgres.role                   IS 'role of the server at that moment: primary, replica, …';
COMMENT ON COLUMN log.postgres.connection_from        IS 'client host and port, or [local]';
COMMENT ON COLUMN log.postgres.session_id             IS 'session start and process id in hexadecimal, as %c in log_line_prefix';
COMMENT ON COLUMN log.postgres.session_line_num       IS 'number of the record in its session, from 1';
COMMENT ON COLUMN log.postgres.transaction_id         IS '0 when the session had no transaction id';
COMMENT ON COLUMN log.postgres.error_severity         IS 'ordered: error_severity >= ''WARNING'' works';
COMMENT ON COLUMN log.postgres.sql_state_code         IS 'five characters, see "PostgreSQL Error Codes" in the manual; 00000 is success';
COMMENT ON COLUMN log.postgres.query                  IS 'the statement that led to the record, where the server says so; statements logged by log_statement and log_min_duration_statement are in message';
COMMENT ON COLUMN log.postgres.query_pos              IS 'position of the error in query, in characters from 1';
COMMENT ON COLUMN log.postgres.internal_query_pos     IS 'position of the error in internal_query, in characters from 1';
COMMENT ON COLUMN log.postgres.location               IS 'function and source file of the server, with log_error_verbosity = verbose';
COMMENT ON COLUMN log.postgres.backend_type           IS 'client backend, autovacuum worker, checkpointer, …; since PostgreSQL 13';
COMMENT ON COLUMN log.postgres.leader_pid             IS 'process id of the leader of a parallel query, since PostgreSQL 14';
COMMENT ON COLUMN log.postgres.query_id               IS 'joins pg_stat_statements.queryid when compute_query_id is on; 0 is none; since PostgreSQL 14';
COMMENT ON COLUMN log.postgres.stream                 IS 'one log file of one pod, see log.stream';
COMMENT ON COLUMN log.postgres.position               IS 'byte offset of the record in its file; (stream, position) is unique, and its order is the order in which the server wrote';
COMMENT ON COLUMN log.postgres.escaped                IS
    'columns whose bytes could not be stored as text (not UTF-8, or NUL). In these a backslash is written \\ '
    'and each offending byte \xHH, which can be undone; NULL when there are none, as usual';
COMMENT ON COLUMN log.postgres.extra                  IS 'what a sender gave beyond these columns';

-- One day a hypertable chunk; the only index is the one on log_time that create_hypertable makes, since every further
-- one costs each row at ingest.
SELECT create_hypertable('log.postgres', by_range('log_time', INTERVAL '1 day'));

-- ---------------------------------------------------------------- log.stream

CREATE TABLE log.stream (
    stream       uuid        PRIMARY KEY,
    position     bigint      NOT NULL,
    namespace    text,
    cluster      text,
    pod          text,
    container    text,
    node         text,
    role         text,
    path         text,
    first_seen   timestamptz NOT NULL DEFAULT now(),
    last_seen    timestamptz NOT NULL DEFAULT now(),
    gaps         bigint      NOT NULL DEFAULT 0,
    gap_bytes    bigint      NOT NULL DEFAULT 0
)
-- Each batch updates the position of its streams: room on the page keeps that in place (HOT), without touching the index.
WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

COMMENT ON TABLE log.stream IS
    'How far each log file has been stored. The position moves in the same transaction that stores the rows: '
    'everything below it is in log.postgres or log.rejected, nothing at or above it is. '
    'Deleting a row is safe when its file is gone; for a file that still exists it leads to doubled rows.';

COMMENT ON COLUMN log.stream.stream     IS 'one log file of one pod: a hash of pod, inode and first line of the file, stable over renames and restarts';
COMMENT ON COLUMN log.stream.position   IS 'byte offset in the file up to which all records are stored';
COMMENT ON COLUMN log.stream.role       IS 'role of the server when it was last heard of';
COMMENT ON COLUMN log.stream.path       IS 'name of the file when it was last heard of';
COMMENT ON COLUMN log.stream.last_seen  IS 'when rows of this file were last stored';
COMMENT ON COLUMN log.stream.gaps       IS 'times that the sender went on above position, since it held an acknowledgement for what lies between: that is missing here, for instance because a failover of this database lost its last commits';
COMMENT ON COLUMN log.stream.gap_bytes  IS 'size of these gaps in bytes of the file';

-- ---------------------------------------------------------------- log.rejected

CREATE TABLE log.rejected (
    received_at  timestamptz NOT NULL DEFAULT now(),
    stream       uuid        NOT NULL,
    position     bigint      NOT NULL,
    namespace    text,
    cluster      text,
    pod          text,
    container    text,
    node         text,
    role         text,
    path         text,
    reason       text        NOT NULL,
    raw          bytea       NOT NULL
);

CREATE INDEX rejected_received_at_idx ON log.rejected (received_at DESC);

COMMENT ON TABLE log.rejected IS
    'Records that could not be stored as rows: not well-formed, or refused by the database. Each is kept here once, '
    'in the same transaction as its neighbours in log.postgres. Read raw by convert_from(raw, ''UTF8'').';

COMMENT ON COLUMN log.rejected.received_at IS 'start of the transaction that stored it';
COMMENT ON COLUMN log.rejected.position    IS 'byte offset of the record in its file';
COMMENT ON COLUMN log.rejected.reason      IS 'why it is here and not in log.postgres';
COMMENT ON COLUMN log.rejected.raw         IS
    'the bytes of the record as the server wrote them, or, where it was well-formed and the database refused it, the record as a JSON object';
