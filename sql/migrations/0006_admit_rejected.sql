-- What was rejected although it is a whole record, for its time above all, can be stored after all.

ALTER TABLE log.rejected ADD COLUMN table_name text;

COMMENT ON COLUMN log.rejected.table_name IS
    'of which table raw is a record, as a JSON object by column names; NULL where raw is what was written, and for what came before this column';

-- One row at a time, so that one that the table still refuses stays here and keeps no other back.
CREATE FUNCTION log.admit_rejected(
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
            EXECUTE format('INSERT INTO log.%1$I SELECT * FROM jsonb_populate_record(NULL::log.%1$I, $1)', refused.table_name)
                USING written;
            DELETE FROM log.rejected WHERE ctid = refused.at;
            admitted := admitted + 1;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'stream %, position %: %', refused.stream, refused.position, SQLERRM;
        END;
    END LOOP;
    RETURN admitted;
END
$$;

COMMENT ON FUNCTION log.admit_rejected IS
    'Moves records from log.rejected to the tables that they are of, as the rows that they would have been, and says how many: by default '
    'those whose log_time was outside the window; others by a pattern for their reason, their stream, or when they were received. '
    'SELECT log.admit_rejected();';
