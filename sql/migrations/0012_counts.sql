-- Counts kept ready: how many rows there are by minute, cluster and severity, and by the values of some columns, so that a histogram or
-- the most frequent values over a month are read and not counted.
--
-- log.count_delta     what each batch added, written in the same transaction as its rows and never changed
-- log.count_minute    all that was moved there from log.count_delta, by minute
-- log.count_hour      the same by hour
-- log.count_day       the same by day, in UTC
-- log.compact_counts  moves it; the ingester calls it every few seconds
-- log.recount         counts rows again, for whoever has inserted, changed or deleted some by hand
--
-- How many rows there are in some range of time is the sum over log.count_delta and, for each part of the range, one of the three others.
-- All four are exact whenever they are looked at, by one statement: rows and what counts them become visible together.

-- ---------------------------------------------------------------- tables

CREATE TABLE log.count_delta (
    table_name      text         NOT NULL,
    column_name     text         NOT NULL,
    begins          timestamptz  NOT NULL,
    namespace       text,
    cluster         text,
    error_severity  log.severity,
    value           text,
    is_rest         boolean      NOT NULL DEFAULT false,
    rows            bigint       NOT NULL
)
-- Rows come and go.
WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 10000);

CREATE TABLE log.count_minute (
    LIKE log.count_delta INCLUDING DEFAULTS,
    UNIQUE NULLS NOT DISTINCT (table_name, column_name, begins, namespace, cluster, error_severity, value, is_rest)
) WITH (fillfactor = 80);
CREATE TABLE log.count_hour (
    LIKE log.count_delta INCLUDING DEFAULTS,
    UNIQUE NULLS NOT DISTINCT (table_name, column_name, begins, namespace, cluster, error_severity, value, is_rest)
) WITH (fillfactor = 80);
CREATE TABLE log.count_day (
    LIKE log.count_delta INCLUDING DEFAULTS,
    UNIQUE NULLS NOT DISTINCT (table_name, column_name, begins, namespace, cluster, error_severity, value, is_rest)
) WITH (fillfactor = 80);

-- Reading counts takes less time than it takes to start processes that would help.
ALTER TABLE log.count_delta  SET (parallel_workers = 0);
ALTER TABLE log.count_minute SET (parallel_workers = 0);
ALTER TABLE log.count_hour   SET (parallel_workers = 0);
ALTER TABLE log.count_day    SET (parallel_workers = 0);

COMMENT ON TABLE log.count_delta IS
    'Counts of rows that were stored lately, in the columns of log.count_day; log.compact_counts moves them to the other log.count_ tables';
COMMENT ON TABLE log.count_minute IS
    'Counts by minute, in the columns of log.count_day. Those of other columns than error_severity are kept for three days';
COMMENT ON TABLE log.count_hour IS 'Counts by hour, in the columns of log.count_day';
COMMENT ON TABLE log.count_day IS 'How many rows of log.postgres, log.patroni and log.component there are in each day of UTC, without what log.count_delta adds';
COMMENT ON COLUMN log.count_day.table_name  IS 'postgres, patroni or component';
COMMENT ON COLUMN log.count_day.column_name IS
    'column whose values are counted, each column by itself; error_severity for all rows without regard to another column''s values; '
    'uncounted for rows that are in the tables and in no other count of their day (see log.recount)';
COMMENT ON COLUMN log.count_day.value       IS 'value of that column';
COMMENT ON COLUMN log.count_day.is_rest     IS 'these rows have values that aren''t told apart, being too long or too many: value is NULL then';
COMMENT ON COLUMN log.count_day.rows        IS 'number of rows with this value, severity and cluster';

ALTER TABLE log.count_delta  ENABLE ROW LEVEL SECURITY;
ALTER TABLE log.count_minute ENABLE ROW LEVEL SECURITY;
ALTER TABLE log.count_hour   ENABLE ROW LEVEL SECURITY;
ALTER TABLE log.count_day    ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION log.counted_columns(of_table text) RETURNS text[]
LANGUAGE sql IMMUTABLE
RETURN CASE of_table
    WHEN 'postgres'  THEN ARRAY['user_name', 'database_name', 'application_name', 'backend_type', 'sql_state_code']
    WHEN 'component' THEN ARRAY['component']
    ELSE '{}'::text[]
END;

COMMENT ON FUNCTION log.counted_columns IS 'Columns whose values are counted, besides namespace, cluster and error_severity';

CREATE FUNCTION log.count_begins(span interval, of_time timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE
RETURN date_bin(span, of_time, TIMESTAMPTZ '2000-01-01 00:00:00+00');

COMMENT ON FUNCTION log.count_begins IS 'When the minute, hour or day begins that a time is in, in UTC';

-- ---------------------------------------------------------------- one at a time

-- Writers add to log.count_delta whenever they like. All else that changes counts is done by one session at a time.
CREATE FUNCTION log.lock_counts(is_patient boolean DEFAULT true) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    key  constant bigint := x'7472756e6b636e74'::bigint;
BEGIN
    -- Each statement has to see what was committed before it, and above all before the lock was got.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'counts can be changed in transactions of isolation level READ COMMITTED only';
    END IF;
    IF is_patient THEN
        PERFORM pg_advisory_xact_lock(key);
        RETURN true;
    END IF;
    RETURN pg_try_advisory_xact_lock(key);
END
$$;

COMMENT ON FUNCTION log.lock_counts IS 'Keeps others from changing counts other than by storing rows, until the end of the transaction';

-- ---------------------------------------------------------------- moving

CREATE FUNCTION log.fold_counts(level regclass, moments timestamptz[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    most  constant integer := 1000;
BEGIN
    EXECUTE format(
        'WITH ranked AS ('
        '    SELECT c.ctid AS at, row_number() OVER (few ORDER BY c.rows DESC, c.value) AS rank, count(*) OVER few AS among FROM %1$s AS c'
        '    WHERE c.table_name IN (''postgres'', ''patroni'', ''component'') AND c.column_name <> ''error_severity'' AND c.begins = ANY ($1)'
        '    AND NOT c.is_rest'
        '    WINDOW few AS (PARTITION BY c.table_name, c.column_name, c.begins, c.namespace, c.cluster)'
        '), gone AS ('
        '    DELETE FROM %1$s AS c USING ranked AS r WHERE c.ctid = r.at AND r.among > $2 AND r.rank > $2 / 2 RETURNING c.*'
        ') '
        'INSERT INTO %1$s AS c '
        'SELECT g.table_name, g.column_name, g.begins, g.namespace, g.cluster, g.error_severity, NULL, true, sum(g.rows) FROM gone AS g '
        'GROUP BY 1, 2, 3, 4, 5, 6 '
        'ON CONFLICT (table_name, column_name, begins, namespace, cluster, error_severity, value, is_rest) '
        'DO UPDATE SET rows = c.rows + excluded.rows', level)
    USING moments, most;
END
$$;

COMMENT ON FUNCTION log.fold_counts IS
    'Where one column has more than 1,000 counts in one cluster and minute, hour or day, keeps the 500 greatest and makes the others one rest '
    'for each severity. So counts can''t outgrow rows, whatever senders put into application_name. What such a rest is part of is '
    'counted from the rows when it is asked for';

CREATE FUNCTION log.compact_counts(most bigint DEFAULT 100000, at timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    taken    bigint;
    minutes  timestamptz[];
    fine     timestamptz := log.count_begins('1 hour', at) - INTERVAL '72 hours';
BEGIN
    -- Whoever has the lock does it, or something longer that need not be waited for.
    IF NOT log.lock_counts(is_patient => false) THEN
        RETURN 0;
    END IF;
    WITH few AS (
        SELECT d.ctid AS at FROM log.count_delta AS d
        -- An entry of an index can't be longer. So what is of such a cluster stays here.
        WHERE coalesce(octet_length(d.namespace), 0) + coalesce(octet_length(d.cluster), 0) <= 2000
        LIMIT most
    ), moved AS (
        DELETE FROM log.count_delta AS d USING few WHERE d.ctid = few.at RETURNING d.*
    ), summed AS MATERIALIZED (
        SELECT m.table_name, m.column_name, m.begins, m.namespace, m.cluster, m.error_severity, m.value, m.is_rest, sum(m.rows)::bigint AS rows
        FROM moved AS m GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    ), by_minute AS (
        -- In the order in which they are read: what is asked for together then stands on few pages.
        INSERT INTO log.count_minute AS c
        SELECT s.* FROM summed AS s
        WHERE s.column_name = 'error_severity' OR s.column_name <> 'uncounted' AND s.begins >= fine
        ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
        ON CONFLICT (table_name, column_name, begins, namespace, cluster, error_severity, value, is_rest)
        DO UPDATE SET rows = c.rows + excluded.rows
    ), by_hour AS (
        INSERT INTO log.count_hour AS c
        SELECT s.table_name, s.column_name, log.count_begins('1 hour', s.begins), s.namespace, s.cluster, s.error_severity, s.value, s.is_rest,
               sum(s.rows)
        FROM summed AS s WHERE s.column_name <> 'uncounted' GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
        ON CONFLICT (table_name, column_name, begins, namespace, cluster, error_severity, value, is_rest)
        DO UPDATE SET rows = c.rows + excluded.rows
    ), by_day AS (
        INSERT INTO log.count_day AS c
        SELECT s.table_name, s.column_name, log.count_begins('1 day', s.begins), s.namespace, s.cluster, s.error_severity, s.value, s.is_rest,
               sum(s.rows)
        FROM summed AS s GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
        ON CONFLICT (table_name, column_name, begins, namespace, cluster, error_severity, value, is_rest)
        DO UPDATE SET rows = c.rows + excluded.rows
    )
    SELECT (SELECT count(*) FROM moved), (SELECT array_agg(DISTINCT s.begins) FROM summed AS s) INTO taken, minutes;
    IF taken > 0 THEN
        PERFORM log.fold_counts('log.count_minute', (SELECT array_agg(m) FROM unnest(minutes) AS m WHERE m >= fine));
        PERFORM log.fold_counts('log.count_hour', (SELECT array_agg(DISTINCT log.count_begins('1 hour', m)) FROM unnest(minutes) AS m));
        PERFORM log.fold_counts('log.count_day', (SELECT array_agg(DISTINCT log.count_begins('1 day', m)) FROM unnest(minutes) AS m));
    END IF;
    DELETE FROM log.count_minute AS c
    WHERE c.table_name IN ('postgres', 'patroni', 'component')
    AND c.column_name = ANY (log.counted_columns('postgres') || log.counted_columns('component')) AND c.begins < fine;
    RETURN taken;
END
$$;

COMMENT ON FUNCTION log.compact_counts IS
    'Moves so many rows at most from log.count_delta to the other log.count_ tables, where they are added to what is there; says how many. '
    'Forgets by minute what is older than three days and isn''t of error_severity';

-- ---------------------------------------------------------------- counting again

CREATE FUNCTION log.counting(of_table text, condition text, at timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT format(
        'SELECT %1$L, column_name, begins, namespace, cluster, error_severity, '
        '       CASE WHEN octet_length(value) <= 256 THEN value END, coalesce(octet_length(value) > 256, false), rows '
        'FROM ('
        '    SELECT %2$s AS column_name, %3$s AS value, coalesce(minute%8$s) AS begins, '
        '           namespace, cluster, error_severity, count(*) AS rows '
        '    FROM (SELECT *, log.count_begins(''1 minute'', log_time) AS minute, '
        '                 log.count_begins(CASE WHEN log_time < %4$L THEN INTERVAL ''1 hour'' ELSE ''1 minute'' END, log_time) AS fine '
        '          FROM log.%5$I WHERE %6$s) AS r '
        '    GROUP BY GROUPING SETS ((minute, namespace, cluster, error_severity)%7$s)'
        ') AS counted',
        of_table,
        coalesce('CASE' || string_agg(format(' WHEN GROUPING(%I) = 0 THEN %L', c, c), '') || ' ELSE ''error_severity'' END', '''error_severity'''),
        coalesce('CASE' || string_agg(format(' WHEN GROUPING(%I) = 0 THEN %I', c, c), '') || ' END', 'NULL::text'),
        -- By minute well before that is forgotten, by hour well before that is relied on.
        log.count_begins('1 hour', at) - INTERVAL '60 hours',
        of_table, condition,
        coalesce(string_agg(format(', (fine, namespace, cluster, error_severity, %I)', c), ''), ''),
        -- The one that isn't grouped by is NULL.
        CASE WHEN count(c) > 0 THEN ', fine' ELSE '' END)
    FROM unnest(log.counted_columns(of_table)) AS c
$$;

COMMENT ON FUNCTION log.counting IS 'The statement that counts the rows of a table for which a condition is true, for log.count_delta';

-- Which hypertable chunks there are is looked up when a statement is planned, which is before it takes its snapshot. A function that is
-- STABLE has its statements planned when the caller's has its snapshot, and looks through that: no chunk is left out that has rows in it.
CREATE FUNCTION log.count_rows(of_table text, condition text, since timestamptz, until timestamptz, at timestamptz)
RETURNS SETOF log.count_delta
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY EXECUTE log.counting(of_table, format('log_time >= $1 AND log_time < $2 AND %s', condition), at) USING since, until;
END
$$;

COMMENT ON FUNCTION log.count_rows IS 'Counts the rows of a table in a range of time for which a condition is true, as the calling statement sees them';

CREATE FUNCTION log.recount_rows(of_table text, since timestamptz, until timestamptz, source text DEFAULT 'true', at timestamptz DEFAULT now())
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    since  timestamptz := log.count_begins('1 hour', recount_rows.since);
    until  timestamptz := log.count_begins('1 hour', recount_rows.until + INTERVAL '1 hour' - INTERVAL '1 microsecond');
BEGIN
    PERFORM log.lock_counts();
    -- In one statement, so that it sees the rows of a batch and what counts them, or neither; what it doesn't see stays as it is.
    EXECUTE format(
        'WITH delta AS (DELETE FROM log.count_delta WHERE table_name = $1 AND %1$s AND ('
        '    column_name <> ''uncounted'' AND begins >= $2 AND begins < $3 '
        '    OR column_name = ''uncounted'' AND begins >= $2 AND begins + INTERVAL ''1 day'' <= $3)), '
        'minute AS (DELETE FROM log.count_minute WHERE table_name = $1 AND begins >= $2 AND begins < $3 AND %1$s), '
        'hour AS (DELETE FROM log.count_hour WHERE table_name = $1 AND begins >= $2 AND begins < $3 AND %1$s), '
        'uncounted AS (DELETE FROM log.count_day WHERE table_name = $1 AND column_name = ''uncounted'' '
        '    AND begins >= $2 AND begins + INTERVAL ''1 day'' <= $3 AND %1$s) '
        'INSERT INTO log.count_delta SELECT * FROM log.count_rows($1, %2$L, $2, $3, $4)',
        source, source)
    USING of_table, since, until, at;
    -- A day is the sum of its hours.
    EXECUTE format(
        'DELETE FROM log.count_day WHERE table_name = $1 AND column_name <> ''uncounted'' AND begins >= $2 AND begins < $3 AND %s', source)
    USING of_table, log.count_begins('1 day', since), until;
    EXECUTE format(
        'INSERT INTO log.count_day '
        'SELECT table_name, column_name, log.count_begins(''1 day'', begins), namespace, cluster, error_severity, value, is_rest, sum(rows) '
        'FROM log.count_hour WHERE table_name = $1 AND begins >= $2 AND begins < $3 AND %s GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8', source)
    USING of_table, log.count_begins('1 day', since), log.count_begins('1 day', until + INTERVAL '1 day' - INTERVAL '1 microsecond');
END
$$;

COMMENT ON FUNCTION log.recount_rows IS
    'Counts the rows of one table again that are of the hours of this range, and of a source, by a condition over namespace and cluster';

CREATE FUNCTION log.recount(since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    of_table  text;
BEGIN
    FOREACH of_table IN ARRAY ARRAY['postgres', 'patroni', 'component'] LOOP
        PERFORM log.recount_rows(of_table, since, until);
    END LOOP;
END
$$;

COMMENT ON FUNCTION log.recount IS
    'Counts rows again. To be called after rows were inserted, changed or deleted by hand, or hypertable chunks dropped; and for days of '
    'which log.count_day has rows that are uncounted, stored by an ingester with database.counts = false or too various to be counted at '
    'once. Writers aren''t kept waiting. SELECT log.recount(''2026-01-31'', ''2026-02-01'');';

-- ---------------------------------------------------------------- retention

-- What retention writes down, in the same transaction as it removes rows, is taken off the counts. Whatever it counts itself, rows that
-- came in between included, is what is still there.
CREATE FUNCTION log.uncount_removed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM log.recount_rows(c.relname, NEW.range_start, NEW.range_end,
        CASE WHEN NEW.what = 'rows' THEN format('namespace IS NOT DISTINCT FROM %L AND cluster IS NOT DISTINCT FROM %L', NEW.namespace, NEW.cluster)
             ELSE 'true' END)
    FROM pg_catalog.pg_class AS c
    WHERE c.oid = to_regclass(NEW.relation) AND c.oid IN ('log.postgres'::regclass, 'log.patroni'::regclass, 'log.component'::regclass);
    RETURN NULL;
END
$$;

CREATE TRIGGER uncount_removed AFTER INSERT ON log.removed
FOR EACH ROW WHEN (NEW.error IS NULL) EXECUTE FUNCTION log.uncount_removed();

-- ---------------------------------------------------------------- what there is already

SELECT log.recount();
