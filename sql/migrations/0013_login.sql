-- The API's logins have no setting that says reading only: a server that takes writes is told from one that doesn't by what its sessions can,
-- and the API says of each session by itself that it reads.

CREATE OR REPLACE FUNCTION log.login_of(wanted name) RETURNS log.login
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
    -- Only a superuser may bound what a query writes to the disk beside the tables.
    IF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        EXECUTE format('ALTER ROLE %I SET temp_file_limit = ''4GB''', l.login);
    END IF;
    RETURN l;
END
$$;

DO $$
DECLARE
    l log.login;
BEGIN
    FOR l IN SELECT * FROM log.login WHERE to_regrole(quote_ident(login)) IS NOT NULL LOOP
        EXECUTE format('ALTER ROLE %I RESET default_transaction_read_only', l.login);
    END LOOP;
END
$$;
