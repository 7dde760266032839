-- How the hypertables are cut into hypertable chunks. The leader among the ingesters calls these functions again and again; calling
-- them by hand does no harm. `at` is the present, and something else only in tests.

-- ---------------------------------------------------------------- ahead of time

-- Whoever makes a hypertable chunk keeps all others that would waiting until its transaction ends: at midnight every writer would wait
-- for the first one's batch.
CREATE FUNCTION log.make_next_chunks(at timestamptz DEFAULT now()) RETURNS SETOF regclass
LANGUAGE plpgsql AS $$
DECLARE
    hypertable regclass;
    current    record;
    in_use     boolean;
    nothing    constant uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    FOREACH hypertable IN ARRAY ARRAY['log.postgres', 'log.patroni', 'log.component']::regclass[] LOOP
        SELECT format('%I.%I', c.chunk_schema, c.chunk_name) AS name, c.range_end INTO current
        FROM timescaledb_information.chunks c
        WHERE format('%I.%I', c.hypertable_schema, c.hypertable_name)::regclass = hypertable
          AND c.range_start <= at AND c.range_end > at;
        CONTINUE WHEN NOT FOUND;
        -- One that was made by this function, and that nothing was written to, isn't followed by another.
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', current.name) INTO in_use;
        CONTINUE WHEN NOT in_use OR EXISTS (
            SELECT FROM timescaledb_information.chunks c
            WHERE format('%I.%I', c.hypertable_schema, c.hypertable_name)::regclass = hypertable
              AND c.range_start <= current.range_end AND c.range_end > current.range_end
        );
        -- A row that nobody ever sees has it made, in every edition and version. An insert can't be undone by a savepoint without
        -- undoing the hypertable chunk with it.
        EXECUTE format('INSERT INTO %s (log_time, error_severity, stream, position) VALUES ($1, ''LOG'', $2, 0)', hypertable)
            USING current.range_end, nothing;
        EXECUTE format('DELETE FROM %s WHERE log_time = $1 AND stream = $2', hypertable)
            USING current.range_end, nothing;
        RETURN NEXT hypertable;
    END LOOP;
END
$$;

COMMENT ON FUNCTION log.make_next_chunks IS
    'Makes the hypertable chunk behind the present one, in each table whose present one has rows; says in which tables it did.';

-- ---------------------------------------------------------------- of the right size

CREATE FUNCTION log.fit_chunk_interval(
    target_bytes bigint, shortest interval, longest interval, at timestamptz DEFAULT now()
) RETURNS TABLE (hypertable regclass, was interval, becomes interval)
LANGUAGE plpgsql AS $$
DECLARE
    name   regclass;
    rate   double precision;
    wanted interval;
BEGIN
    FOREACH name IN ARRAY ARRAY['log.postgres', 'log.patroni', 'log.component']::regclass[] LOOP
        -- Bytes a second at the busiest of late. What has only just begun says nothing yet.
        SELECT max(pg_table_size(format('%I.%I', c.chunk_schema, c.chunk_name)::regclass)
                   / extract(epoch FROM least(c.range_end, at) - c.range_start))
        INTO rate
        FROM timescaledb_information.chunks c
        WHERE format('%I.%I', c.hypertable_schema, c.hypertable_name)::regclass = name
          AND c.range_start < at - interval '10 minutes'
          AND c.range_end > at - interval '1 day' - longest;

        SELECT d.time_interval INTO was
        FROM timescaledb_information.dimensions d
        WHERE format('%I.%I', d.hypertable_schema, d.hypertable_name)::regclass = name;

        CONTINUE WHEN rate IS NULL;
        wanted := make_interval(secs => least(target_bytes / greatest(rate, 1), extract(epoch FROM longest)::double precision));
        -- What fits well enough stays, so that a volume that varies doesn't move it to and fro.
        CONTINUE WHEN was BETWEEN shortest AND longest AND was BETWEEN wanted / 2 AND wanted * 1.5;

        -- Each divides the next longer one, or nearly, so that boundaries stay where people expect them.
        SELECT max(step) INTO becomes
        FROM unnest(ARRAY['15 minutes', '30 minutes', '1 hour', '2 hours', '4 hours', '8 hours', '12 hours', '1 day',
                          '2 days', '4 days', '7 days']::interval[]) AS step
        WHERE step <= wanted;
        becomes := least(greatest(coalesce(becomes, shortest), shortest), longest);
        CONTINUE WHEN becomes = was;

        PERFORM set_chunk_time_interval(name, becomes);
        hypertable := name;
        RETURN NEXT;
    END LOOP;
END
$$;

COMMENT ON FUNCTION log.fit_chunk_interval IS
    'Sets how much time the hypertable chunks to come span, so that each grows to about so many bytes at the volume of the last day; '
    'says what it changed. Hypertable chunks that are there stay as they are.';
