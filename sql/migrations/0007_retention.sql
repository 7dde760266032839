-- How long log records are kept, and what goes when.
--
-- log.retention        how long, by default and where a namespace or a cluster differs; how many bytes; how full the disk may get
-- log.retention_plan   what would go now: a dry run, which changes nothing
-- log.apply_retention  makes that go, in short transactions; the ingester calls it every few minutes
-- log.removed          what went, and what could not
-- log.chunk_status     the hypertable chunks: what they span, hold and take
--
-- Every function takes the time it is to believe in, so that what will go next month can be asked, and tested, today.
-- Everything that TimescaleDB makes is looked up when a function runs, and no view rests on it: an update of the extension replaces
-- its own views, and can't while ours depend on them.

-- ---------------------------------------------------------------- log.retention

CREATE TABLE log.retention (
    namespace         text,
    cluster           text,
    max_age           interval CHECK (max_age > INTERVAL '0'),
    rejected_max_age  interval CHECK (rejected_max_age > INTERVAL '0'),
    max_bytes         bigint   CHECK (max_bytes >= 0),
    min_free_bytes    bigint   CHECK (min_free_bytes >= 0),
    UNIQUE NULLS NOT DISTINCT (namespace, cluster),
    CONSTRAINT bytes_are_of_the_whole_store
        CHECK (namespace IS NULL AND cluster IS NULL OR rejected_max_age IS NULL AND max_bytes IS NULL AND min_free_bytes IS NULL)
);

COMMENT ON TABLE log.retention IS
    'How long log records are kept. The row without namespace and cluster holds for all that no other row names; of several rows '
    'that fit, the one that names the cluster wins, then the one that names the namespace. Change it by plain SQL. What [retention] of '
    'the ingester''s configuration sets is written to the row without namespace and cluster again and again, and so wins there; what it '
    'leaves out is as it is here. SELECT * FROM log.retention_plan() says what would go.';
COMMENT ON COLUMN log.retention.max_age          IS
    'rows go when their whole hypertable chunk (a day, unless set otherwise) is older than this; NULL: kept for ever';
COMMENT ON COLUMN log.retention.rejected_max_age IS
    'rows of log.rejected go when they were received longer ago than this, or than max_age of their cluster; NULL: than that alone';
COMMENT ON COLUMN log.retention.max_bytes        IS
    'when the hypertable chunks take more, with their indexes, the oldest go, whosever rows they hold; NULL: no limit';
COMMENT ON COLUMN log.retention.min_free_bytes   IS
    'when less is free on the disk of the database, the oldest hypertable chunks go; NULL: no limit. See log.free_bytes()';

-- Nothing goes before somebody says so.
INSERT INTO log.retention DEFAULT VALUES;

CREATE FUNCTION log.max_age(of_namespace text, of_cluster text) RETURNS interval
LANGUAGE sql STABLE
RETURN (
    SELECT r.max_age
    FROM log.retention AS r
    WHERE (r.namespace IS NULL OR r.namespace = of_namespace) AND (r.cluster IS NULL OR r.cluster = of_cluster)
    ORDER BY r.cluster IS NOT NULL DESC, r.namespace IS NOT NULL DESC
    LIMIT 1
);

COMMENT ON FUNCTION log.max_age IS 'how long rows of this cluster are kept, by log.retention; NULL: for ever';

-- ---------------------------------------------------------------- the disk

CREATE FUNCTION log.free_bytes() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    directory text;
    said      text;
BEGIN
    -- The directory of the database's own tablespace; the server works in that of the default one.
    SELECT coalesce(nullif(pg_tablespace_location(d.dattablespace), ''), '.') INTO directory
    FROM pg_catalog.pg_database AS d WHERE d.datname = current_database();
    CREATE TEMPORARY TABLE IF NOT EXISTS trunkline_df (line text);
    TRUNCATE pg_temp.trunkline_df;
    EXECUTE format('COPY pg_temp.trunkline_df FROM PROGRAM %L',
        'df -Pk ' || '''' || replace(directory, '''', '''\''''') || ''' | tail -n 1');
    SELECT d.line INTO said FROM pg_temp.trunkline_df AS d;
    -- Available kilobytes stand before the percentage.
    RETURN (regexp_match(said, '(\d+)\s+\d+%'))[1]::bigint * 1024;
EXCEPTION
    WHEN insufficient_privilege OR external_routine_exception OR read_only_sql_transaction OR system_error OR undefined_file THEN
        RETURN NULL;
END
$$;

COMMENT ON FUNCTION log.free_bytes IS
    'Bytes that are free on the disk of this database, as df says on its server. NULL where that isn''t known: the role needs '
    'GRANT pg_execute_server_program, or to be a superuser; min_free_bytes of log.retention does nothing then.';

-- ---------------------------------------------------------------- the hypertable chunks

CREATE FUNCTION log.hypertable_chunks()
RETURNS TABLE (hypertable regclass, chunk regclass, range_start timestamptz, range_end timestamptz, rows_estimate bigint,
               total_bytes bigint, index_bytes bigint, is_compressed boolean)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT h.hypertable, to_regclass(format('%I.%I', c.chunk_schema, c.chunk_name)), c.range_start, c.range_end,
           nullif(p.reltuples, -1)::bigint, s.total_bytes, s.index_bytes, c.is_compressed
    FROM timescaledb_information.chunks AS c
    CROSS JOIN LATERAL (SELECT to_regclass(format('%I.%I', c.hypertable_schema, c.hypertable_name)) AS hypertable) AS h
    JOIN chunks_detailed_size(h.hypertable) AS s ON s.chunk_schema = c.chunk_schema AND s.chunk_name = c.chunk_name
    LEFT JOIN pg_catalog.pg_class AS p ON p.oid = to_regclass(format('%I.%I', c.chunk_schema, c.chunk_name))
    WHERE c.hypertable_schema = 'log' AND c.range_end IS NOT NULL
    ORDER BY c.range_end, h.hypertable::text;
END
$$;

COMMENT ON FUNCTION log.hypertable_chunks IS 'The hypertable chunks of schema log, the oldest first';

CREATE VIEW log.chunk_status AS SELECT * FROM log.hypertable_chunks();

COMMENT ON VIEW log.chunk_status IS 'The hypertable chunks of schema log, the oldest first';
COMMENT ON COLUMN log.chunk_status.range_end     IS 'exclusive';
COMMENT ON COLUMN log.chunk_status.rows_estimate IS 'as of the last ANALYZE, of autovacuum for instance; NULL before the first';
COMMENT ON COLUMN log.chunk_status.total_bytes   IS 'rows, indexes and long values';

-- Which clusters a hypertable chunk has rows of is found out by reading it once, and again when rows were added.
CREATE TABLE log.chunk_source (
    chunk      text   NOT NULL,
    inserted   bigint NOT NULL,
    namespace  text,
    cluster    text,
    UNIQUE NULLS NOT DISTINCT (chunk, namespace, cluster)
);

COMMENT ON TABLE log.chunk_source IS
    'Which clusters the hypertable chunks have rows of that are old enough for retention to look at them: a note, which may be emptied at any time';
COMMENT ON COLUMN log.chunk_source.inserted IS 'rows ever added to the hypertable chunk, by the statistics, before it was read';

CREATE FUNCTION log.has_source(hypertable regclass) RETURNS boolean
LANGUAGE sql STABLE
RETURN (
    SELECT count(*) = 2 FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = hypertable AND a.attname IN ('namespace', 'cluster') AND NOT a.attisdropped
);

COMMENT ON FUNCTION log.has_source IS 'Whether its rows say which cluster they are of';

CREATE FUNCTION log.chunk_sources(of_chunk regclass) RETURNS TABLE (namespace text, cluster text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    now_inserted bigint := pg_stat_get_tuples_inserted(of_chunk);
BEGIN
    RETURN QUERY SELECT s.namespace, s.cluster FROM log.chunk_source AS s
    WHERE s.chunk = of_chunk::text AND s.inserted = now_inserted;
    IF FOUND THEN
        RETURN;
    END IF;
    IF current_setting('transaction_read_only')::boolean OR NOT has_table_privilege('log.chunk_source', 'DELETE') THEN
        RETURN QUERY EXECUTE format('SELECT DISTINCT namespace, cluster FROM %s', of_chunk);
        RETURN;
    END IF;
    DELETE FROM log.chunk_source AS s WHERE s.chunk = of_chunk::text;
    RETURN QUERY EXECUTE format(
        'INSERT INTO log.chunk_source (chunk, inserted, namespace, cluster) SELECT DISTINCT $1, $2, namespace, cluster FROM %s '
        'ON CONFLICT DO NOTHING RETURNING namespace, cluster', of_chunk)
    USING of_chunk::text, now_inserted;
END
$$;

COMMENT ON FUNCTION log.chunk_sources IS 'Which clusters a hypertable chunk has rows of';

-- ---------------------------------------------------------------- what goes

CREATE FUNCTION log.rejected_max_age(of_namespace text, of_cluster text) RETURNS interval
LANGUAGE sql STABLE
RETURN least(
    log.max_age(of_namespace, of_cluster),
    (SELECT r.rejected_max_age FROM log.retention AS r WHERE r.namespace IS NULL AND r.cluster IS NULL)
);

COMMENT ON FUNCTION log.rejected_max_age IS 'how long what could not be stored of this cluster is kept, by log.retention; NULL: for ever';

CREATE FUNCTION log.finished_streams(at timestamptz DEFAULT now(), but_for regclass[] DEFAULT '{}') RETURNS SETOF log.stream
LANGUAGE sql STABLE AS $$
    SELECT s.*
    FROM (SELECT s.*, log.max_age(s.namespace, s.cluster) AS max_age FROM log.stream AS s WHERE s.last_seen < at - INTERVAL '2 days') AS o
    JOIN log.stream AS s USING (stream)
    WHERE NOT EXISTS (
        SELECT FROM log.hypertable_chunks() AS h
        WHERE h.chunk <> ALL (but_for)
        AND h.range_start <= o.last_seen + INTERVAL '1 day' AND (o.max_age IS NULL OR h.range_end > at - o.max_age))
    AND NOT EXISTS (SELECT FROM log.rejected AS r WHERE r.stream = o.stream)
$$;

COMMENT ON FUNCTION log.finished_streams IS
    'Rows of log.stream that can go: every row that was stored of the stream is gone, or too old to stay, so that nothing is doubled even '
    'if its file is still there and a collector that lost its checkpoint sends it again. Hypertable chunks in but_for count as gone.';

CREATE FUNCTION log.retention_plan(at timestamptz DEFAULT now(), free_bytes bigint DEFAULT NULL)
RETURNS TABLE (reason text, what text, relation regclass, chunk text, namespace text, cluster text,
               range_start timestamptz, range_end timestamptz, rows bigint, bytes bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    c           record;
    s           record;
    by_default  timestamptz;  -- what ended by then is too old where no row of log.retention says otherwise; NULL: nothing is
    for_some    timestamptz;  -- what ends later is too old for nobody
    for_all     timestamptz;  -- what ended by then is too old for everybody; NULL: nothing is
    is_kept     boolean;
    expired     log.chunk_source[];
    deletions   log.chunk_source[] := '{}';
    going       regclass[] := '{}';
    excess      bigint;
    missing     bigint;
BEGIN
    SELECT at - log.max_age(NULL, NULL), max(at - r.max_age), CASE WHEN bool_and(r.max_age IS NOT NULL) THEN min(at - r.max_age) END
    INTO by_default, for_some, for_all FROM log.retention AS r;

    -- By age: the whole hypertable chunk where all in it is too old, else the rows of the clusters for which it is.
    FOR c IN SELECT h.*, log.has_source(h.hypertable) FROM log.hypertable_chunks() AS h WHERE h.range_end <= for_some LOOP
        expired := '{}';
        IF by_default IS NOT NULL AND c.range_end <= for_all THEN
            is_kept := false;
        ELSIF NOT c.has_source THEN
            is_kept := coalesce(c.range_end > by_default, true);
        ELSE
            is_kept := false;
            FOR s IN SELECT * FROM log.chunk_sources(c.chunk) LOOP
                IF c.range_end <= at - log.max_age(s.namespace, s.cluster) THEN
                    expired := expired || ROW(c.chunk, 0, s.namespace, s.cluster)::log.chunk_source;
                ELSE
                    is_kept := true;
                END IF;
            END LOOP;
        END IF;
        IF is_kept THEN
            deletions := deletions || expired;
        ELSE
            going := going || c.chunk;
            RETURN QUERY SELECT 'age', 'hypertable chunk', c.hypertable, c.chunk::text, NULL::text, NULL::text, c.range_start, c.range_end,
                                c.rows_estimate, c.total_bytes;
        END IF;
    END LOOP;

    -- By size, then by room on the disk: the oldest hypertable chunk first, but none whose range isn't over, since rows still come.
    SELECT sum(h.total_bytes) FILTER (WHERE h.chunk <> ALL (going)) - r.max_bytes,
           r.min_free_bytes - coalesce(free_bytes, CASE WHEN r.min_free_bytes IS NOT NULL THEN log.free_bytes() END)
           - coalesce(sum(h.total_bytes) FILTER (WHERE h.chunk = ANY (going)), 0)
    INTO excess, missing
    FROM log.retention AS r CROSS JOIN log.hypertable_chunks() AS h
    WHERE r.namespace IS NULL AND r.cluster IS NULL
    GROUP BY r.max_bytes, r.min_free_bytes;
    FOR c IN SELECT h.* FROM log.hypertable_chunks() AS h WHERE h.range_end <= at AND h.chunk <> ALL (going) LOOP
        EXIT WHEN coalesce(excess, 0) <= 0 AND coalesce(missing, 0) <= 0;
        RETURN QUERY SELECT CASE WHEN excess > 0 THEN 'size' ELSE 'disk' END, 'hypertable chunk', c.hypertable, c.chunk::text,
                            NULL::text, NULL::text, c.range_start, c.range_end, c.rows_estimate, c.total_bytes;
        going := going || c.chunk;
        excess := excess - c.total_bytes;
        missing := missing - c.total_bytes;
    END LOOP;

    RETURN QUERY
    SELECT 'age', 'rows', h.hypertable, h.chunk::text, d.namespace, d.cluster, h.range_start, h.range_end, NULL::bigint, NULL::bigint
    FROM unnest(deletions) WITH ORDINALITY AS d (chunk, inserted, namespace, cluster, place)
    JOIN log.hypertable_chunks() AS h ON h.chunk::text = d.chunk
    WHERE h.chunk <> ALL (going)
    ORDER BY d.place;

    -- What could not be stored goes with the rows of its cluster, or sooner.
    RETURN QUERY
    SELECT 'age', 'rows', 'log.rejected'::regclass, NULL::text, g.namespace, g.cluster, min(r.received_at), max(r.received_at),
           count(*), NULL::bigint
    FROM (SELECT DISTINCT r.namespace, r.cluster FROM log.rejected AS r) AS g
    JOIN log.rejected AS r ON (r.namespace, r.cluster) IS NOT DISTINCT FROM (g.namespace, g.cluster)
    WHERE r.received_at < at - log.rejected_max_age(g.namespace, g.cluster)
    GROUP BY g.namespace, g.cluster
    ORDER BY g.namespace, g.cluster;

    RETURN QUERY
    SELECT 'age', 'rows', 'log.stream'::regclass, NULL::text, f.namespace, f.cluster, min(f.last_seen), max(f.last_seen),
           count(*), NULL::bigint
    FROM log.finished_streams(at, going) AS f
    GROUP BY f.namespace, f.cluster
    ORDER BY f.namespace, f.cluster;
END
$$;

COMMENT ON FUNCTION log.retention_plan IS
    'What log.apply_retention would remove at this time, in this order. With free_bytes, as if so much were free on the disk.';

-- ---------------------------------------------------------------- and what went

CREATE TABLE log.removed (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    removed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason       text        NOT NULL,
    what         text        NOT NULL,
    relation     text        NOT NULL,
    chunk        text,
    namespace    text,
    cluster      text,
    range_start  timestamptz,
    range_end    timestamptz,
    rows         bigint,
    bytes        bigint,
    error        text
);

COMMENT ON TABLE log.removed IS 'What retention removed, and what it could not: then error says why, and it is tried again';
COMMENT ON COLUMN log.removed.reason      IS 'age, size (log.retention.max_bytes) or disk (log.retention.min_free_bytes)';
COMMENT ON COLUMN log.removed.what        IS 'a hypertable chunk as a whole, or the rows of one cluster in it, or in log.rejected or log.stream';
COMMENT ON COLUMN log.removed.rows        IS 'of a hypertable chunk an estimate, NULL where there was none; of rows their number';
COMMENT ON COLUMN log.removed.range_start IS 'of log.rejected the oldest received_at, of log.stream the oldest last_seen';

CREATE FUNCTION log.delete_source(
    hypertable regclass, of_chunk text, of_namespace text, of_cluster text, range_start timestamptz, range_end timestamptz
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    time_column  name;
    went         bigint;
BEGIN
    SELECT d.column_name INTO time_column FROM timescaledb_information.dimensions AS d
    WHERE to_regclass(format('%I.%I', d.hypertable_schema, d.hypertable_name)) = hypertable AND d.dimension_number = 1;
    -- By the hypertable, not its chunk: so it works on compressed ones too. And by plain conditions, which go there with the segments.
    EXECUTE format('DELETE FROM %s WHERE %I >= $1 AND %I < $2 AND namespace %s AND cluster %s', hypertable, time_column, time_column,
        CASE WHEN of_namespace IS NULL THEN 'IS NULL' ELSE '= ' || quote_literal(of_namespace) END,
        CASE WHEN of_cluster IS NULL THEN 'IS NULL' ELSE '= ' || quote_literal(of_cluster) END)
    USING range_start, range_end;
    GET DIAGNOSTICS went = ROW_COUNT;
    DELETE FROM log.chunk_source AS s
    WHERE s.chunk = of_chunk AND (s.namespace, s.cluster) IS NOT DISTINCT FROM (of_namespace, of_cluster);
    RETURN went;
END
$$;

COMMENT ON FUNCTION log.delete_source IS 'Deletes the rows of one cluster from one hypertable chunk';

CREATE PROCEDURE log.apply_retention(at timestamptz DEFAULT now(), free_bytes bigint DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    step     record;
    dropped  text[];
    went     bigint;
    failure  text;
    failed   boolean := false;
BEGIN
    FOR step IN SELECT * FROM log.retention_plan(at, free_bytes) LOOP
        -- A reader who doesn't end keeps one hypertable chunk, and nobody waits behind us for long.
        PERFORM set_config('lock_timeout', '10s', true);
        went := NULL;
        failure := NULL;
        BEGIN
            IF step.what = 'hypertable chunk' THEN
                SELECT array_agg(d) INTO dropped
                FROM drop_chunks(step.relation, older_than => step.range_end, newer_than => step.range_start) AS d;
                IF cardinality(dropped) IS DISTINCT FROM 1 THEN
                    RAISE EXCEPTION 'dropped % instead of one hypertable chunk', coalesce(dropped::text, 'nothing');
                END IF;
                went := step.rows;
            ELSIF step.relation = 'log.stream'::regclass THEN
                -- What isn't gone yet could be doubled.
                CONTINUE WHEN failed;
                WITH finished AS MATERIALIZED (
                    SELECT f.stream, f.last_seen FROM log.finished_streams(at) AS f
                    WHERE (f.namespace, f.cluster) IS NOT DISTINCT FROM (step.namespace, step.cluster)
                ), locked AS (
                    SELECT s.stream FROM log.stream AS s JOIN finished AS f ON f.stream = s.stream AND f.last_seen = s.last_seen
                    FOR UPDATE OF s SKIP LOCKED
                )
                DELETE FROM log.stream AS s USING locked WHERE s.stream = locked.stream;
                GET DIAGNOSTICS went = ROW_COUNT;
            ELSIF step.relation = 'log.rejected'::regclass THEN
                DELETE FROM log.rejected AS r
                WHERE (r.namespace, r.cluster) IS NOT DISTINCT FROM (step.namespace, step.cluster) AND r.received_at <= step.range_end;
                GET DIAGNOSTICS went = ROW_COUNT;
            ELSE
                went := log.delete_source(step.relation, step.chunk, step.namespace, step.cluster, step.range_start, step.range_end);
            END IF;
        EXCEPTION WHEN OTHERS THEN
            failure := SQLERRM;
            failed := true;
        END;
        INSERT INTO log.removed (reason, what, relation, chunk, namespace, cluster, range_start, range_end, rows, bytes, error)
        VALUES (step.reason, step.what, step.relation::text, step.chunk, step.namespace, step.cluster, step.range_start, step.range_end,
                went, step.bytes, failure);
        COMMIT;
    END LOOP;
    DELETE FROM log.chunk_source AS s WHERE to_regclass(s.chunk) IS NULL;
    DELETE FROM log.removed AS r WHERE r.removed_at < clock_timestamp() - INTERVAL '400 days';
    COMMIT;
END
$$;

COMMENT ON PROCEDURE log.apply_retention IS
    'Removes what log.retention_plan lists, each in a transaction of its own, and writes down in log.removed what went. '
    'Call it outside of a transaction.';
