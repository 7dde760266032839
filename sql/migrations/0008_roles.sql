-- Who may do what. The owner is the role that ran these migrations; beside it there are three roles that nobody logs in as:
--
-- trunkline_writer   adds log records and moves positions; can't read a record
-- trunkline_reader   reads everything, changes nothing
-- trunkline_tenant   reads the clusters that log.reader_cluster grants to the user who asks
--
-- Whom to give them:
--   CREATE ROLE ingester LOGIN BYPASSRLS PASSWORD '…' IN ROLE trunkline_writer;
--   CREATE ROLE grafana  LOGIN           PASSWORD '…' IN ROLE trunkline_reader;
--   SELECT log.create_tenant('orders_team', ARRAY['orders'], namespace => 'shop');
--   INSERT INTO log.reader_cluster (reader, namespace, cluster) VALUES ('orders_team', 'shop', 'payments');
--
-- A writer needs BYPASSRLS, because PostgreSQL doesn't COPY into a table whose row-level security holds for the user. It can't read
-- by it, since it has no privilege to.
--
-- Roles are the server's, not the database's. Where the owner may not make roles, a superuser makes these three
-- (CREATE ROLE trunkline_writer; …) and calls log.grant_roles().

-- ---------------------------------------------------------------- log.reader_cluster

CREATE TABLE log.reader_cluster (
    reader     name NOT NULL,
    namespace  text NOT NULL DEFAULT '',
    cluster    text NOT NULL,
    PRIMARY KEY (reader, namespace, cluster)
);

COMMENT ON TABLE log.reader_cluster IS
    'Which clusters'' log records a tenant sees, from the next statement on. Add and delete rows as you like; log.create_tenant makes the '
    'role that they name.';
COMMENT ON COLUMN log.reader_cluster.reader    IS 'role that asks, as current_user says it; only members of trunkline_tenant are looked up here';
COMMENT ON COLUMN log.reader_cluster.namespace IS 'as in the records; the empty string for records without one';
COMMENT ON COLUMN log.reader_cluster.cluster   IS 'as in the records; those without a cluster are no tenant''s';

-- ---------------------------------------------------------------- roles and their privileges

CREATE FUNCTION log.grant_roles() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning AS $$
DECLARE
    role_name  text;
    t          record;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['trunkline_writer', 'trunkline_reader', 'trunkline_tenant'] LOOP
        CONTINUE WHEN to_regrole(role_name) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        EXCEPTION
            -- Another database of this server is being set up at the same time.
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE WARNING 'role % can''t be made; a superuser makes it and calls log.grant_roles()', role_name;
                RETURN;
        END;
    END LOOP;

    GRANT USAGE ON SCHEMA log TO trunkline_writer, trunkline_reader, trunkline_tenant;

    -- Storing reads positions, and which migrations have been applied; no record.
    GRANT SELECT ON log.migration TO trunkline_writer;
    GRANT SELECT, INSERT, UPDATE ON log.stream TO trunkline_writer;
    GRANT SELECT, INSERT, UPDATE, DELETE ON log.delivered_chunk TO trunkline_writer;

    FOR t IN
        SELECT c.oid::regclass AS name, c.relkind, c.relrowsecurity,
               coalesce('security_invoker=true' = ANY (c.reloptions), false) AS is_invoker,
               c.relname NOT IN ('reader_cluster', 'retention', 'removed', 'chunk_source')
               AND (SELECT count(*) = 2 FROM pg_attribute AS a
                    WHERE a.attrelid = c.oid AND a.attname IN ('namespace', 'cluster') AND NOT a.attisdropped) AS has_source
        FROM pg_class AS c
        WHERE c.relnamespace = 'log'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO trunkline_reader', t.name);
        IF t.relkind = 'v' AND t.is_invoker THEN
            -- Such a view shows what the tables beneath show to who asks.
            EXECUTE format('GRANT SELECT ON %s TO trunkline_tenant', t.name);
        ELSIF t.relkind IN ('r', 'p') AND t.has_source THEN
            IF t.name <> 'log.stream'::regclass THEN
                EXECUTE format('GRANT INSERT ON %s TO trunkline_writer', t.name);
            END IF;
            IF NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = t.name AND p.polname = 'reader') THEN
                EXECUTE format('CREATE POLICY reader ON %s FOR SELECT TO trunkline_reader USING (true)', t.name);
            END IF;
            IF NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = t.name AND p.polname = 'tenant') THEN
                EXECUTE format('CREATE POLICY tenant ON %s FOR SELECT TO trunkline_tenant USING ((coalesce(namespace, ''''), cluster) IN '
                               '(SELECT g.namespace, g.cluster FROM log.reader_cluster AS g WHERE g.reader = current_user))', t.name);
            END IF;
            PERFORM log.grant_tenants(t.name, t.relrowsecurity);
        END IF;
    END LOOP;

    -- What the policies look up, and no more.
    IF NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = 'log.reader_cluster'::regclass) THEN
        CREATE POLICY reader ON log.reader_cluster FOR SELECT TO trunkline_reader USING (true);
        CREATE POLICY tenant ON log.reader_cluster FOR SELECT TO trunkline_tenant USING (reader = current_user);
    END IF;
    GRANT SELECT ON log.reader_cluster TO trunkline_tenant;
END
$$;

COMMENT ON FUNCTION log.grant_roles IS
    'Makes the roles, and gives each what it may do with every table and view of schema log. Called after each migration; may be called again.';

CREATE FUNCTION log.grant_tenants(of_table regclass, is_secure boolean) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    columns  text;
    chunk    regclass;
BEGIN
    EXECUTE format('REVOKE ALL ON %s FROM trunkline_tenant', of_table);
    IF is_secure THEN
        -- Column by column: TimescaleDB gives each new hypertable chunk the privileges of the table, where no policy would stand before
        -- them, but not those of columns.
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO columns FROM pg_attribute AS a
        WHERE a.attrelid = of_table AND a.attnum > 0 AND NOT a.attisdropped;
        EXECUTE format('GRANT SELECT (%s) ON %s TO trunkline_tenant', columns, of_table);
    END IF;
    -- Those that are there get whatever is granted on the hypertable.
    FOR chunk IN SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = of_table LOOP
        EXECUTE format('REVOKE ALL ON %s FROM trunkline_tenant', chunk);
    END LOOP;
END
$$;

COMMENT ON FUNCTION log.grant_tenants IS 'Lets tenants read a table if its row-level security is on, and its hypertable chunks in no case';

-- ---------------------------------------------------------------- tenants

CREATE FUNCTION log.create_tenant(tenant name, clusters text[], namespace text DEFAULT '', password text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT (SELECT bool_and(c.relrowsecurity) FROM pg_class AS c
            WHERE c.oid IN ('log.postgres'::regclass, 'log.patroni'::regclass, 'log.component'::regclass)) THEN
        RAISE EXCEPTION 'row-level security is off, because hypertable chunks are compressed: TimescaleDB can''t have both'
            USING HINT = 'SELECT log.stop_compressing() decompresses everything and switches it on.';
    END IF;
    EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 10 '
                   'PASSWORD %L IN ROLE trunkline_tenant', tenant, password);
    -- Bounds for accidents: a tenant may change them.
    EXECUTE format('ALTER ROLE %I SET statement_timeout = ''60s''', tenant);
    EXECUTE format('ALTER ROLE %I SET default_transaction_read_only = on', tenant);
    INSERT INTO log.reader_cluster (reader, namespace, cluster)
    SELECT DISTINCT tenant, coalesce(create_tenant.namespace, ''), c FROM unnest(clusters) AS c;
END
$$;

COMMENT ON FUNCTION log.create_tenant IS
    'Makes a role that can log in, by this password or, without one, by what pg_hba.conf says, and that sees the log records of these '
    'clusters of one namespace. More of them: INSERT INTO log.reader_cluster; fewer: DELETE. Grant a tenant nothing on the tables: what is '
    'granted on a hypertable is granted on its chunks, where no policy holds.';

CREATE FUNCTION log.drop_tenant(tenant name) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(tenant, 'trunkline_tenant', 'MEMBER') OR (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = tenant) THEN
        RAISE EXCEPTION '% is no tenant', tenant;
    END IF;
    DELETE FROM log.reader_cluster AS g WHERE g.reader = tenant;
    PERFORM pg_terminate_backend(a.pid) FROM pg_stat_activity AS a WHERE a.usename = tenant;
    EXECUTE format('DROP OWNED BY %I', tenant);
    EXECUTE format('DROP ROLE %I', tenant);
END
$$;

COMMENT ON FUNCTION log.drop_tenant IS 'Ends a tenant''s sessions and drops its role';

-- ---------------------------------------------------------------- from now on

ALTER TABLE log.postgres       ENABLE ROW LEVEL SECURITY;
ALTER TABLE log.patroni        ENABLE ROW LEVEL SECURITY;
ALTER TABLE log.component      ENABLE ROW LEVEL SECURITY;
ALTER TABLE log.stream         ENABLE ROW LEVEL SECURITY;
ALTER TABLE log.rejected       ENABLE ROW LEVEL SECURITY;
ALTER TABLE log.reader_cluster ENABLE ROW LEVEL SECURITY;

SELECT log.grant_roles();
