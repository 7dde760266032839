-- Who may ask the HTTP API, and as which role it asks the database for them.
--
--   SELECT log.create_token('grafana', tenant => NULL, expires => '1 year');        -- all clusters
--   SELECT log.create_token('orders dashboard', tenant => 'orders_team');           -- what that tenant sees
--   SELECT id, name, tenant, created_by, expires_at, revoked_at FROM log.token;
--   SELECT log.revoke_token(7);
--
-- A hub, whose tables no migration makes, gets this file by psql.

-- ---------------------------------------------------------------- log.token

CREATE TABLE log.token (
    id          bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text         NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    tenant      name,
    hash        bytea        NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at  timestamptz  NOT NULL DEFAULT now(),
    created_by  name         NOT NULL DEFAULT session_user,
    expires_at  timestamptz  NOT NULL,
    revoked_at  timestamptz
);

COMMENT ON TABLE log.token IS
    'Tokens that the HTTP API takes. A token itself is shown once, by log.create_token; here is its hash. '
    'What is changed here holds within seconds; deleting a row is as good as revoking it.';
COMMENT ON COLUMN log.token.name       IS 'what it is for; stands in the audit';
COMMENT ON COLUMN log.token.tenant     IS 'the tenant''s role, whose clusters it shows; NULL for all clusters';
COMMENT ON COLUMN log.token.hash       IS 'SHA-256 of the token: it holds 256 random bits, so nothing slower is needed';
COMMENT ON COLUMN log.token.expires_at IS 'infinity for never';

CREATE FUNCTION log.is_tenant(role name) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
-- Written so that the three roles need not exist.
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT FROM pg_roles AS r
        WHERE r.rolname = is_tenant.role AND r.rolname <> 'trunkline_tenant' AND NOT r.rolsuper AND NOT r.rolbypassrls
          AND EXISTS (SELECT FROM pg_roles AS t WHERE t.rolname = 'trunkline_tenant' AND pg_has_role(r.oid, t.oid, 'MEMBER'))
          AND NOT EXISTS (SELECT FROM pg_roles AS o WHERE o.rolname IN ('trunkline_reader', 'trunkline_writer') AND pg_has_role(r.oid, o.oid, 'MEMBER')));
END;

COMMENT ON FUNCTION log.is_tenant IS 'Whether this is a role for which row-level security decides what it sees';

CREATE FUNCTION log.create_token(name text, tenant name, expires interval DEFAULT '90 days') RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Three random UUIDs have 366 random bits, by the same source as every key of the server's; SHA-256 takes 256 of them.
    token text := 'trunkline_' || encode(sha256(convert_to(concat(gen_random_uuid(), gen_random_uuid(), gen_random_uuid()), 'UTF8')), 'hex');
BEGIN
    IF tenant IS NOT NULL AND NOT log.is_tenant(tenant) THEN
        RAISE EXCEPTION '% is no tenant', tenant USING ERRCODE = 'invalid_role_specification', HINT = 'log.create_tenant makes one.';
    END IF;
    INSERT INTO log.token (name, tenant, hash, expires_at)
    VALUES (create_token.name, create_token.tenant, sha256(convert_to(token, 'UTF8')), now() + create_token.expires);
    RETURN token;
END
$$;

COMMENT ON FUNCTION log.create_token IS
    'Makes a token for what a tenant sees, or, with NULL, for all clusters, and returns it: this once, since only its hash is kept';

CREATE FUNCTION log.revoke_token(id bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE log.token AS t SET revoked_at = coalesce(t.revoked_at, now()) WHERE t.id = revoke_token.id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no token %', id USING ERRCODE = 'no_data_found';
    END IF;
END
$$;

COMMENT ON FUNCTION log.revoke_token IS 'From now on nobody gets in by this token';

-- ---------------------------------------------------------------- log.login

-- The API asks as a tenant's role, and SQL that a caller wrote could undo any SET ROLE. So the session belongs to a user who has no rights
-- but to become that tenant: who takes off the role has nothing left.
CREATE TABLE log.login (
    role      name PRIMARY KEY,
    login     name NOT NULL UNIQUE,
    password  text NOT NULL
);

-- Without a policy nobody sees a row but the owner, whatever is granted on the table.
ALTER TABLE log.login ENABLE ROW LEVEL SECURITY;

COMMENT ON TABLE log.login IS
    'For each role that the HTTP API acts as, a user that can log in, has no rights of its own, and can become that role alone. '
    'Made by log.login_of. Deleting a row gives the user a new password.';

CREATE FUNCTION log.login_of(wanted name) RETURNS log.login
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning AS $$
DECLARE
    l       log.login;
    secret  text := encode(sha256(convert_to(concat(gen_random_uuid(), gen_random_uuid(), gen_random_uuid()), 'UTF8')), 'hex');
BEGIN
    IF wanted IS DISTINCT FROM 'trunkline_reader' AND NOT log.is_tenant(wanted) THEN
        RAISE EXCEPTION '% is no tenant', wanted USING ERRCODE = 'invalid_role_specification';
    END IF;
    SELECT * INTO l FROM log.login AS o WHERE o.role = wanted;
    IF FOUND AND EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = l.login AND r.rolcanlogin AND pg_has_role(r.oid, wanted, 'MEMBER')) THEN
        RETURN l;
    END IF;
    -- Several ingesters may come to need it at the same time.
    LOCK TABLE log.login IN SHARE ROW EXCLUSIVE MODE;
    -- Roles are the server's, so the name says in which database this one is used.
    INSERT INTO log.login AS o (role, login, password)
    SELECT wanted, 'trunkline_api_' || md5(concat(d.oid, ' ', wanted)), secret FROM pg_database AS d WHERE d.datname = current_database()
    ON CONFLICT (role) DO UPDATE SET role = o.role RETURNING * INTO l;
    IF to_regrole(quote_ident(l.login)) IS NULL THEN
        EXECUTE format('CREATE ROLE %I', l.login);
        EXECUTE format('COMMENT ON ROLE %I IS %L', l.login, 'the HTTP API of Trunkline logs in as this and becomes ' || wanted);
    END IF;
    EXECUTE format('ALTER ROLE %I LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD %L', l.login, l.password);
    EXECUTE format('GRANT %I TO %I', wanted, l.login);
    -- No setting says that it only reads: a server that takes writes is told from one that doesn't by what its sessions can, and the API
    -- says of each session by itself that it reads.
    -- Only a superuser may bound what a query writes to the disk beside the tables.
    IF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        EXECUTE format('ALTER ROLE %I SET temp_file_limit = ''4GB''', l.login);
    END IF;
    RETURN l;
END
$$;

COMMENT ON FUNCTION log.login_of IS
    'The user that the HTTP API logs in as to become this tenant, or trunkline_reader; made when it is not there. Who may make no roles has a superuser call it once for each.';

-- ---------------------------------------------------------------- log.search

CREATE TABLE log.search (
    id          uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant      name,
    name        text         NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    query       text         NOT NULL CHECK (length(query) <= 16384),
    created_at  timestamptz  NOT NULL DEFAULT now(),
    created_by  text         NOT NULL
);

CREATE INDEX ON log.search (tenant, created_at);

COMMENT ON TABLE log.search IS 'Searches that were saved over the HTTP API, by tenant; NULL are those of callers who see all clusters';
COMMENT ON COLUMN log.search.query IS 'the query string of GET /api/v1/logs and the console';

DO $$
BEGIN
    IF to_regrole('trunkline_writer') IS NOT NULL THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON log.search TO trunkline_writer;
    END IF;
END
$$;

-- ---------------------------------------------------------------- a tenant that goes takes all this with it

CREATE OR REPLACE FUNCTION log.drop_tenant(tenant name) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    api_login  name;
BEGIN
    IF NOT pg_has_role(tenant, 'trunkline_tenant', 'MEMBER') OR (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = tenant) THEN
        RAISE EXCEPTION '% is no tenant', tenant;
    END IF;
    DELETE FROM log.reader_cluster AS g WHERE g.reader = tenant;
    DELETE FROM log.token AS t WHERE t.tenant = drop_tenant.tenant;
    DELETE FROM log.search AS s WHERE s.tenant = drop_tenant.tenant;
    DELETE FROM log.login AS l WHERE l.role = tenant RETURNING l.login INTO api_login;
    -- They are gone when this is done, so that nobody asks on one of them again.
    PERFORM pg_terminate_backend(a.pid, 5000) FROM pg_stat_activity AS a WHERE a.usename IN (tenant, api_login);
    EXECUTE format('DROP OWNED BY %I', tenant);
    EXECUTE format('DROP ROLE %I', tenant);
    IF to_regrole(quote_ident(api_login)) IS NOT NULL THEN
        EXECUTE format('DROP ROLE %I', api_login);
    END IF;
END
$$;

COMMENT ON FUNCTION log.drop_tenant IS 'Ends a tenant''s sessions, and drops its role, its tokens and its searches';
