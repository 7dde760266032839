-- A hub: one database that presents the shards of an ingester as one. Its tables log.postgres, log.patroni, log.component, log.stream,
-- log.rejected and log.failover have the shards' columns and rows, and hold none themselves.
--
--   CREATE DATABASE hub;                            -- of its own; where queries call time_bucket, with CREATE EXTENSION timescaledb
--   psql -d hub -f sql/hub.sql                      -- as a superuser, who makes the extension; again when this file has changed
--
--   SELECT hub.add_shard('main',   host => 'db-main',   dbname => 'trunkline', remote_user => 'reader', password => '…');
--   SELECT hub.add_shard('orders', host => 'db-orders', dbname => 'trunkline', remote_user => 'reader', password => '…');
--   CREATE ROLE grafana LOGIN PASSWORD '…';
--   SELECT hub.add_reader('grafana', remote_user => 'reader', password => '…');
--
-- A reader sees what its remote user sees on each shard: row-level security is decided there. Nobody can write here.
--
-- Where the HTTP API takes tokens, for all clusters or for a tenant, who is made on each shard by log.create_tenant:
--
--   psql -d hub -f sql/migrations/0011_access.sql
--   SELECT hub.add_reader('trunkline_reader', remote_user => 'reader', password => '…');
--   CREATE ROLE orders_team IN ROLE trunkline_tenant;
--   SELECT hub.add_reader('orders_team', remote_user => 'orders_team', password => '…');
--   GRANT SELECT ON log.token TO trunkline_api;     -- the user of database.reader_url, where it isn't the owner
--   SELECT log.create_token('dashboard', tenant => 'orders_team');
--
-- After an update of Trunkline gave the shards new columns: SELECT hub.refresh();
-- While a shard is away every query fails. To answer from the others: SELECT hub.leave_out('orders'), and later hub.take_in('orders').

BEGIN;

CREATE EXTENSION IF NOT EXISTS postgres_fdw;
CREATE SCHEMA IF NOT EXISTS log;
CREATE SCHEMA IF NOT EXISTS hub;

-- A condition is sent to a shard when its types and operators are built in or an extension's that the shard's server lists. The type of
-- error_severity is neither, so it is made one of postgres_fdw's: every shard has it by the same name. (A dump of this database leaves it
-- out therefore; there is nothing in a hub to dump but its views.)
DO $$
BEGIN
    IF to_regtype('log.severity') IS NULL THEN
        CREATE TYPE log.severity AS ENUM (
            'DEBUG5', 'DEBUG4', 'DEBUG3', 'DEBUG2', 'DEBUG1', 'DEBUG',
            'LOG', 'INFO', 'NOTICE', 'WARNING', 'ERROR', 'FATAL', 'PANIC'
        );
        ALTER EXTENSION postgres_fdw ADD TYPE log.severity;
    END IF;
    -- Whole groups are sent to the shards.
    EXECUTE format('ALTER DATABASE %I SET enable_partitionwise_aggregate = on', current_database());
    -- Work is dearer here, where all shards' rows would meet, than on the shards: so it is sent there also when the number of groups
    -- can't be estimated, as by minute.
    EXECUTE format('ALTER DATABASE %I SET cpu_operator_cost = 0.1', current_database());
END $$;

-- 0 and 1 are what the tables' partition key is in truth, see hub.fit.
CREATE TABLE IF NOT EXISTS hub.shard (
    name    name    PRIMARY KEY,
    number  integer NOT NULL UNIQUE GENERATED ALWAYS AS IDENTITY (START WITH 2)
);

COMMENT ON SCHEMA hub IS 'Functions to add shards and readers to this hub';
COMMENT ON TABLE hub.shard IS 'The shards; each has a foreign server and a schema of foreign tables by the name shard_<name>';

CREATE OR REPLACE FUNCTION hub.tables() RETURNS text[] LANGUAGE sql IMMUTABLE
RETURN ARRAY['postgres', 'patroni', 'component', 'stream', 'rejected', 'failover'];

-- A partitioned table needs a key, and its planner leaves out partitions by it. No row says which shard it is in, and none has to: this
-- key is an expression that no query asks for, so none is ever led to the wrong shard by it. It is there to be grouped by:
--
--   SELECT minute, sum(n) FROM (
--       SELECT time_bucket('1 minute', log_time) AS minute, count(*) AS n FROM log.postgres WHERE … GROUP BY 1, (role IS NULL)::int
--   ) AS each GROUP BY 1
--
-- has every shard count its own rows. Grouped otherwise, the result is the same, and the shards send the columns that are counted.
CREATE OR REPLACE FUNCTION hub.fit(shard name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    place text := 'shard_' || shard;
    wanted text;
    missing record;
    reader record;
BEGIN
    EXECUTE format('IMPORT FOREIGN SCHEMA log LIMIT TO (%s) FROM SERVER %I INTO %I', array_to_string(hub.tables(), ', '), place, place);
    FOREACH wanted IN ARRAY hub.tables() LOOP
        IF to_regclass(format('%I.%I', place, wanted)) IS NULL THEN
            RAISE EXCEPTION 'shard % has no table log.%', shard, wanted
                USING HINT = 'Let the ingester make its schema first: trunkline-ingester migrate.';
        END IF;
        IF to_regclass(format('log.%I', wanted)) IS NULL THEN
            EXECUTE format('CREATE TABLE log.%I (LIKE %I.%I) PARTITION BY LIST (((role IS NULL)::int))', wanted, place, wanted);
            FOR reader IN SELECT DISTINCT usename FROM pg_user_mappings JOIN hub.shard s ON srvname = 'shard_' || s.name
                          WHERE usename <> current_user LOOP
                EXECUTE format('GRANT SELECT ON log.%I TO %I', wanted, reader.usename);
            END LOOP;
        END IF;
        -- Shards may differ for a while, when one has a migration that another hasn't.
        FOR missing IN
            SELECT CASE WHEN ours.attname IS NULL THEN 'TABLE log.' || quote_ident(wanted)
                        ELSE format('FOREIGN TABLE %I.%I', place, wanted) END AS at,
                   coalesce(ours.attname, theirs.attname) AS column_name,
                   coalesce(ours.of_type, theirs.of_type) AS of_type
            FROM (SELECT attname, format_type(atttypid, atttypmod) AS of_type FROM pg_attribute
                  WHERE attrelid = format('log.%I', wanted)::regclass AND attnum > 0 AND NOT attisdropped) AS ours
            FULL JOIN (SELECT attname, format_type(atttypid, atttypmod) AS of_type FROM pg_attribute
                  WHERE attrelid = format('%I.%I', place, wanted)::regclass AND attnum > 0 AND NOT attisdropped) AS theirs
                USING (attname)
            WHERE ours.attname IS NULL OR theirs.attname IS NULL
        LOOP
            EXECUTE format('ALTER %s ADD COLUMN %I %s', missing.at, missing.column_name, missing.of_type);
        END LOOP;
    END LOOP;
    PERFORM hub.take_in(shard);
END $$;

CREATE OR REPLACE FUNCTION hub.add_shard(
    name name, host text, dbname text, remote_user text, password text DEFAULT NULL, port integer DEFAULT 5432,
    sslmode text DEFAULT 'prefer'
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    place text := 'shard_' || name;
    -- Of these the shards have the same functions and types.
    extensions text := (SELECT string_agg(extname, ',') FROM pg_extension WHERE extname IN ('postgres_fdw', 'timescaledb'));
BEGIN
    EXECUTE format(
        'CREATE SERVER %I FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L, sslmode %L, extensions %L, '
        'use_remote_estimate ''true'', async_capable ''true'', fetch_size ''1000'', updatable ''false'', truncatable ''false'', '
        'connect_timeout ''5'', keepalives_idle ''30'', keepalives_interval ''10'', keepalives_count ''3'', tcp_user_timeout ''60000'', '
        'application_name ''trunkline-hub'')',
        place, host, port::text, dbname, sslmode, extensions);
    INSERT INTO hub.shard (name) VALUES (add_shard.name);
    PERFORM hub.map(place, current_user, remote_user, password);
    EXECUTE format('CREATE SCHEMA %I', place);
    PERFORM hub.fit(name);
END $$;

COMMENT ON FUNCTION hub.add_shard IS
    'Adds a shard, by the name that it has in the ingester''s configuration. Readers that are there already have to be added again.';

CREATE OR REPLACE FUNCTION hub.map(server text, local name, remote_user text, password text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DROP USER MAPPING IF EXISTS FOR %I SERVER %I', local, server);
    EXECUTE format('CREATE USER MAPPING FOR %I SERVER %I OPTIONS (user %L, %s)', local, server, remote_user,
        CASE WHEN password IS NULL THEN 'password_required ''false''' ELSE format('password %L', password) END);
END $$;

CREATE OR REPLACE FUNCTION hub.add_reader(role name, remote_user text, password text DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    shard name;
    wanted text;
BEGIN
    FOR shard IN SELECT s.name FROM hub.shard s LOOP
        PERFORM hub.map('shard_' || shard, role, remote_user, password);
    END LOOP;
    EXECUTE format('GRANT USAGE ON SCHEMA log TO %I', role);
    -- Beside the shards' tables there may be those of the HTTP API, as its tokens, which are no reader's.
    EXECUTE format('REVOKE SELECT ON ALL TABLES IN SCHEMA log FROM %I', role);
    FOREACH wanted IN ARRAY hub.tables() LOOP
        CONTINUE WHEN to_regclass(format('log.%I', wanted)) IS NULL;
        EXECUTE format('GRANT SELECT ON log.%I TO %I', wanted, role);
    END LOOP;
END $$;

COMMENT ON FUNCTION hub.add_reader IS
    'Lets a role of this database read as this user of the shards. Without a password the shards have to admit that user without one.';

CREATE OR REPLACE FUNCTION hub.leave_out(shard name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY hub.tables() LOOP
        EXECUTE format('ALTER TABLE log.%I DETACH PARTITION %I.%I', wanted, 'shard_' || shard, wanted);
    END LOOP;
END $$;

COMMENT ON FUNCTION hub.leave_out IS 'Answers without this shard, for instance while its database is away';

CREATE OR REPLACE FUNCTION hub.take_in(shard name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wanted text;
    value integer := (SELECT number FROM hub.shard s WHERE s.name = shard);
BEGIN
    FOREACH wanted IN ARRAY hub.tables() LOOP
        EXECUTE format('ALTER TABLE log.%I ATTACH PARTITION %I.%I FOR VALUES IN (%s)', wanted, 'shard_' || shard, wanted, value);
    END LOOP;
END $$;

COMMENT ON FUNCTION hub.take_in IS 'Answers with this shard again';

CREATE OR REPLACE FUNCTION hub.remove_shard(shard name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DROP SCHEMA %I CASCADE', 'shard_' || shard);
    EXECUTE format('DROP SERVER %I CASCADE', 'shard_' || shard);
    DELETE FROM hub.shard AS s WHERE s.name = shard;
END $$;

COMMENT ON FUNCTION hub.remove_shard IS 'Takes a shard out of the hub for good; its database stays as it is';

CREATE OR REPLACE FUNCTION hub.refresh() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    shard name;
    wanted text;
BEGIN
    FOR shard IN SELECT s.name FROM hub.shard s ORDER BY s.number LOOP
        FOREACH wanted IN ARRAY hub.tables() LOOP
            EXECUTE format('DROP FOREIGN TABLE IF EXISTS %I.%I', 'shard_' || shard, wanted);
        END LOOP;
        PERFORM hub.fit(shard);
    END LOOP;
END $$;

COMMENT ON FUNCTION hub.refresh IS 'Reads the shards'' columns again: theirs that are new become the hub''s';

COMMIT;
