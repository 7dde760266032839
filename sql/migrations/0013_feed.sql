-- What was stored last, for those who watch.
--
-- log.feed       one row for each run of rows that a transaction stored of a stream in a table
-- log.trim_feed  forgets the old ones; the leader among the ingesters calls it every few minutes

CREATE TABLE log.feed (
    xid         xid8        NOT NULL DEFAULT pg_current_xact_id(),
    stored_at   timestamptz NOT NULL DEFAULT now(),
    table_name  text        NOT NULL,
    namespace   text,
    cluster     text,
    stream      uuid        NOT NULL,
    begins      bigint      NOT NULL,
    ends        bigint      NOT NULL,
    rows        bigint      NOT NULL,
    oldest      timestamptz NOT NULL,
    newest      timestamptz NOT NULL
)
WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.5);

CREATE INDEX feed_xid_idx ON log.feed (xid);

COMMENT ON TABLE log.feed IS
    'What was stored lately: a row for each run of rows of a stream, in the same transaction as they. Rows of a table are named by '
    'exactly one run. Whoever remembers pg_current_snapshot() finds what was committed since then, whatever the order of commits: '
    'SELECT * FROM log.feed WHERE NOT pg_visible_in_snapshot(xid, the remembered one). Old ones are removed, see log.trim_feed.';
COMMENT ON COLUMN log.feed.xid       IS 'the transaction that stored them';
COMMENT ON COLUMN log.feed.stored_at IS 'start of that transaction';
COMMENT ON COLUMN log.feed.begins    IS 'position of the first row';
COMMENT ON COLUMN log.feed.ends      IS 'behind the position of the last row';
COMMENT ON COLUMN log.feed.rows      IS 'how many rows of the table, and of this namespace and cluster, are between them';
COMMENT ON COLUMN log.feed.oldest    IS 'the least log_time of them';
COMMENT ON COLUMN log.feed.newest    IS 'the greatest log_time of them';

CREATE FUNCTION log.trim_feed(at timestamptz DEFAULT now(), most integer DEFAULT 20000) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    went bigint;
BEGIN
    DELETE FROM log.feed WHERE ctid = ANY (ARRAY(
        SELECT f.ctid FROM (SELECT f.ctid, f.stored_at FROM log.feed AS f ORDER BY f.xid LIMIT most) AS f
        WHERE f.stored_at < at - INTERVAL '3 hours'));
    GET DIAGNOSTICS went = ROW_COUNT;
    RETURN went;
END
$$;

COMMENT ON FUNCTION log.trim_feed IS
    'Removes rows of log.feed that are older than three hours, so many at most, and says how many. Who watches may be away for two hours.';

-- As it was, but what it admits is counted and in the feed.
CREATE OR REPLACE FUNCTION log.admit_rejected(
    which       text        DEFAULT 'log_time is outside the window%',
    only_stream uuid        DEFAULT NULL,
    since       timestamptz DEFAULT '-infinity',
    until       timestamptz DEFAULT 'infinity'
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    refused  record;
    names    text[];
    written  jsonb;
    beyond   jsonb;
    log_time timestamptz;
    admitted bigint := 0;
BEGIN
    FOR refused IN
        SELECT r.ctid AS at, r.* FROM log.rejected r
        WHERE r.table_name IN ('postgres', 'patroni', 'component') AND r.reason LIKE which
          AND (only_stream IS NULL OR r.stream = only_stream)
          AND r.received_at >= since AND r.received_at < until
        ORDER BY r.stream, r.position
        FOR UPDATE SKIP LOCKED
    LOOP
        BEGIN
            written := convert_from(refused.raw, 'UTF8')::jsonb - 'table';
            SELECT array_agg(attname::text) INTO names FROM pg_catalog.pg_attribute
            WHERE attrelid = format('log.%I', refused.table_name)::regclass AND attnum > 0 AND NOT attisdropped;
            -- What the table has no column for belongs into extra.
            beyond := coalesce(written->'extra', '{}') || (written - names);
            written := written || jsonb_build_object(
                'namespace', refused.namespace, 'cluster', refused.cluster, 'pod', refused.pod,
                'container', refused.container, 'node', refused.node, 'role', refused.role,
                'stream', refused.stream, 'position', refused.position, 'extra', nullif(beyond, '{}'));
            EXECUTE format('INSERT INTO log.%1$I SELECT * FROM jsonb_populate_record(NULL::log.%1$I, $1) RETURNING log_time', refused.table_name)
                INTO log_time USING written;
            EXECUTE 'INSERT INTO log.count_delta ' || log.counting(refused.table_name,
                    'log_time = $1 AND stream = $2 AND position = $3', now())
                USING log_time, refused.stream, refused.position;
            INSERT INTO log.feed (table_name, namespace, cluster, stream, begins, ends, rows, oldest, newest)
            VALUES (refused.table_name, refused.namespace, refused.cluster, refused.stream, refused.position, refused.position + 1, 1,
                    log_time, log_time);
            DELETE FROM log.rejected WHERE ctid = refused.at;
            admitted := admitted + 1;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'stream %, position %: %', refused.stream, refused.position, SQLERRM;
        END;
    END LOOP;
    RETURN admitted;
END
$$;

ALTER TABLE log.feed ENABLE ROW LEVEL SECURITY;
