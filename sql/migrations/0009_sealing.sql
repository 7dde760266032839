-- What happens to a hypertable chunk when its time has passed: it is sealed, which means that it gets the indexes that searching needs and
-- that would cost too much to keep row by row. The Community edition of TimescaleDB can compress older ones besides.
--
-- log.seal_index       which indexes
-- log.unsealed         which hypertable chunks lack one, and the statement that makes it; the ingester executes them one by one
-- log.sealing          what was built, and what failed
-- log.chunk_status     which hypertable chunks are sealed
-- log.compress_after   compression by policy, where the edition has it

-- ---------------------------------------------------------------- which indexes

CREATE TABLE log.seal_index (
    hypertable  regclass NOT NULL,
    name        text     NOT NULL,
    extension   text,
    definition  text     NOT NULL,
    PRIMARY KEY (hypertable, name)
);

COMMENT ON TABLE log.seal_index IS
    'Indexes that a hypertable chunk gets when its time has passed. Rows may be added and deleted: what is missing is built, what was built stays.';
COMMENT ON COLUMN log.seal_index.name       IS 'the index is called like the hypertable chunk, followed by _ and this';
COMMENT ON COLUMN log.seal_index.extension  IS 'that it needs; without it the index isn''t built';
COMMENT ON COLUMN log.seal_index.definition IS 'what stands behind the table in CREATE INDEX; @extschema@ is the schema of the extension';

-- One index over the columns that a text search goes through, so that a search in any of them, or in all by OR, uses it.
INSERT INTO log.seal_index (hypertable, name, extension, definition)
SELECT s.hypertable::regclass, 'search', 'pg_trgm',
       format('USING gin (%s)', (SELECT string_agg(format('%I @extschema@.gin_trgm_ops', c), ', ' ORDER BY place)
                                 FROM unnest(s.columns) WITH ORDINALITY AS u (c, place)))
FROM (VALUES ('log.postgres',  ARRAY['message', 'detail', 'hint', 'query', 'context']),
             ('log.patroni',   ARRAY['message', 'logger', 'location']),
             ('log.component', ARRAY['message', 'component'])) AS s (hypertable, columns);

CREATE FUNCTION log.missing_extensions() RETURNS SETOF text
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT s.extension FROM log.seal_index AS s
    WHERE s.extension IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = s.extension)
$$;

COMMENT ON FUNCTION log.missing_extensions IS 'Extensions that indexes of log.seal_index need and the database doesn''t have';

-- pg_trgm is one that the owner of a database may create; where even that isn't allowed, there is no text index, and all else works.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'extension pg_trgm can''t be created, so text search will have no index: %', SQLERRM;
END
$$;

-- ---------------------------------------------------------------- sealing

CREATE TABLE log.sealing (
    chunk        text        NOT NULL,
    index_name   text        NOT NULL,
    started_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    failed_at    timestamptz,
    error        text,
    PRIMARY KEY (chunk, index_name)
);

COMMENT ON TABLE log.sealing IS 'The last attempt to build each index of log.seal_index on a hypertable chunk';

CREATE TABLE log.chunk_passed (
    chunk     text        PRIMARY KEY,
    inserted  bigint      NOT NULL,
    since     timestamptz NOT NULL
);

COMMENT ON TABLE log.chunk_passed IS 'Hypertable chunks whose time has passed';
COMMENT ON COLUMN log.chunk_passed.inserted IS 'rows ever added to it, by the statistics, when that was last looked at';
COMMENT ON COLUMN log.chunk_passed.since    IS 'when it was first seen to have passed, or to have grown by more than a tenth afterwards, as by old logs that are sent for the first time';

CREATE FUNCTION log.seal_indexes(of_hypertable regclass, of_chunk regclass)
RETURNS TABLE (index_name text, is_valid boolean, definition text)
LANGUAGE sql STABLE AS $$
    SELECT n.index_name, i.indisvalid,
           CASE WHEN s.extension IS NULL THEN s.definition ELSE replace(s.definition, '@extschema@', quote_ident(x.nspname)) END
    FROM log.seal_index AS s
    CROSS JOIN pg_catalog.pg_class AS c
    -- As the server would shorten it.
    CROSS JOIN LATERAL (SELECT (c.relname || '_' || s.name)::name::text AS index_name) AS n
    LEFT JOIN pg_catalog.pg_class AS k ON k.relname = n.index_name AND k.relnamespace = c.relnamespace
    LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = k.oid AND i.indrelid = c.oid
    LEFT JOIN pg_catalog.pg_extension AS e ON e.extname = s.extension
    LEFT JOIN pg_catalog.pg_namespace AS x ON x.oid = e.extnamespace
    WHERE s.hypertable = of_hypertable AND c.oid = of_chunk
$$;

COMMENT ON FUNCTION log.seal_indexes IS
    'Indexes of log.seal_index on a hypertable chunk: is_valid is NULL where there is none, false where one is left over from an attempt '
    'that was broken off; definition is NULL where its extension is missing';

CREATE FUNCTION log.unsealed(at timestamptz DEFAULT now(), grace interval DEFAULT INTERVAL '1 hour', retry interval DEFAULT INTERVAL '10 minutes')
RETURNS TABLE (chunk regclass, index_name text, leftover text, statement text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO log.chunk_passed AS p (chunk, inserted, since)
    SELECT h.chunk::text, pg_stat_get_tuples_inserted(h.chunk), at FROM log.hypertable_chunks() AS h WHERE h.range_end <= at
    ON CONFLICT (chunk) DO UPDATE SET
        inserted = excluded.inserted,
        since    = CASE WHEN excluded.inserted > 1.1 * p.inserted THEN excluded.since ELSE p.since END
    WHERE excluded.inserted NOT BETWEEN p.inserted AND 1.1 * p.inserted;
    DELETE FROM log.chunk_passed AS p WHERE to_regclass(p.chunk) IS NULL;

    RETURN QUERY
    SELECT h.chunk, i.index_name,
           CASE WHEN NOT i.is_valid THEN format('DROP INDEX CONCURRENTLY IF EXISTS %I.%I', n.nspname, i.index_name) END,
           format('CREATE INDEX CONCURRENTLY %I ON %s %s', i.index_name, h.chunk, i.definition)
    FROM log.hypertable_chunks() AS h
    JOIN pg_catalog.pg_class AS c ON c.oid = h.chunk
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL log.seal_indexes(h.hypertable, h.chunk) AS i
    JOIN log.chunk_passed AS p ON p.chunk = h.chunk::text
    LEFT JOIN log.sealing AS s ON s.chunk = h.chunk::text AND s.index_name = i.index_name
    WHERE h.range_end <= at AND p.since <= at - grace AND NOT h.is_compressed AND i.is_valid IS NOT TRUE AND i.definition IS NOT NULL
    AND (s.failed_at IS NULL OR s.failed_at <= at - retry)
    -- Somebody else's, for instance of a leader that lost its connection a moment ago.
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index AS p WHERE p.relid = h.chunk)
    ORDER BY h.range_end DESC, h.hypertable::text, i.index_name;
END
$$;

COMMENT ON FUNCTION log.unsealed IS
    'What is to be built on hypertable chunks whose time has passed and that nobody has been filling for the time of grace since then, the '
    'newest first: execute leftover, if there is one, then statement, outside of a transaction. What failed is left out for a while '
    '(retry). Rows may be written all the time.';

CREATE FUNCTION log.note_sealing(of_chunk regclass, of_index text, failure text DEFAULT NULL, is_done boolean DEFAULT false) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO log.sealing AS s (chunk, index_name, started_at, failed_at, error)
    VALUES (of_chunk::text, of_index, clock_timestamp(), CASE WHEN failure IS NOT NULL THEN clock_timestamp() END, failure)
    ON CONFLICT (chunk, index_name) DO UPDATE SET
        started_at  = CASE WHEN is_done OR failure IS NOT NULL THEN s.started_at ELSE excluded.started_at END,
        finished_at = CASE WHEN is_done THEN clock_timestamp() END,
        failed_at   = excluded.failed_at,
        error       = excluded.error;
    DELETE FROM log.sealing AS s WHERE to_regclass(s.chunk) IS NULL
$$;

COMMENT ON FUNCTION log.note_sealing IS 'Writes down that an index is begun, is done, or failed';

CREATE OR REPLACE VIEW log.chunk_status AS
SELECT h.*, v.is_sealed, CASE WHEN v.is_sealed THEN s.finished_at END AS sealed_at, s.error AS seal_error
FROM log.hypertable_chunks() AS h
CROSS JOIN LATERAL (
    SELECT coalesce(bool_and(i.is_valid IS TRUE), true) AS is_sealed FROM log.seal_indexes(h.hypertable, h.chunk) AS i
) AS v
LEFT JOIN LATERAL (
    SELECT max(s.finished_at) AS finished_at, string_agg(s.error, '; ' ORDER BY s.index_name) AS error
    FROM log.sealing AS s WHERE s.chunk = h.chunk::text
) AS s ON true;

COMMENT ON COLUMN log.chunk_status.is_sealed  IS 'has all indexes of log.seal_index';
COMMENT ON COLUMN log.chunk_status.seal_error IS 'why the last attempt to seal it failed; it is tried again';

-- ---------------------------------------------------------------- compression

CREATE FUNCTION log.stop_compressing() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    h  record;
BEGIN
    FOR h IN
        SELECT t.hypertable, t.compression_enabled FROM (
            SELECT to_regclass(format('%I.%I', i.hypertable_schema, i.hypertable_name)) AS hypertable, i.compression_enabled
            FROM timescaledb_information.hypertables AS i WHERE i.hypertable_schema = 'log') AS t
        WHERE t.compression_enabled AND log.has_source(t.hypertable)
    LOOP
        PERFORM remove_compression_policy(h.hypertable, if_exists => true);
        PERFORM decompress_chunk(s.chunk, if_compressed => true) FROM log.hypertable_chunks() AS s
        WHERE s.hypertable = h.hypertable AND s.is_compressed;
        EXECUTE format('ALTER TABLE %s SET (timescaledb.compress = false)', h.hypertable);
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', h.hypertable);
    END LOOP;
    PERFORM log.grant_roles();
END
$$;

COMMENT ON FUNCTION log.stop_compressing IS
    'Decompresses everything, for good, and switches row-level security on, so that there can be tenants. Needs as much room as the rows '
    'took before. Take lifecycle.compress_after out of the ingester''s configuration first.';

CREATE FUNCTION log.compress_after(after interval) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    h        record;
    j        record;
    changed  boolean := false;
BEGIN
    IF current_setting('timescaledb.license', true) IS DISTINCT FROM 'timescale' THEN
        RETURN 'this edition of TimescaleDB has no compression';
    END IF;
    -- TimescaleDB has row-level security or compression on a table, not both.
    IF EXISTS (SELECT FROM log.reader_cluster) THEN
        RETURN 'not with tenants: their row-level security and compression exclude each other in TimescaleDB';
    END IF;
    FOR h IN
        SELECT t.hypertable, t.compression_enabled FROM (
            SELECT to_regclass(format('%I.%I', i.hypertable_schema, i.hypertable_name)) AS hypertable, i.compression_enabled
            FROM timescaledb_information.hypertables AS i WHERE i.hypertable_schema = 'log') AS t
        WHERE log.has_source(t.hypertable)
    LOOP
        IF NOT h.compression_enabled THEN
            EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', h.hypertable);
            EXECUTE format('ALTER TABLE %s SET (timescaledb.compress, timescaledb.compress_segmentby = ''namespace, cluster'', '
                           'timescaledb.compress_orderby = ''log_time DESC, stream, position'')', h.hypertable);
            changed := true;
        END IF;
        SELECT (p.config ->> 'compress_after')::interval AS compress_after INTO j
        FROM timescaledb_information.jobs AS p
        WHERE p.proc_name = 'policy_compression' AND to_regclass(format('%I.%I', p.hypertable_schema, p.hypertable_name)) = h.hypertable;
        IF j.compress_after IS DISTINCT FROM after THEN
            PERFORM remove_compression_policy(h.hypertable, if_exists => true);
            PERFORM add_compression_policy(h.hypertable, after);
        END IF;
    END LOOP;
    IF changed THEN
        PERFORM log.grant_roles();
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION log.compress_after IS
    'Has TimescaleDB compress hypertable chunks that ended longer ago than this, as a background job of its own. Says why not, where it '
    'can''t be: in the Apache edition, or with tenants. Row-level security is off from then on, and nobody is let in as a tenant.';

-- ---------------------------------------------------------------- log.rejected

COMMENT ON TABLE log.rejected IS
    'Records that could not be stored as rows: not well-formed, or refused by the database. Each is kept here once, '
    'in the same transaction as its neighbours in log.postgres, log.patroni and log.component. Read raw by convert_from(raw, ''UTF8''). '
    'Besides, notes of forward chunks whose sender may not write what they claim to be: raw is empty, nothing of the forward chunk is '
    'stored, and (stream, position) may repeat.';
