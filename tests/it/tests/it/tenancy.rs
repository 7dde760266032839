//! A tenant's SQL, however clever, shows its own clusters' records and nothing of the others': see [`attacks`] for what is tried.

mod attacks;
mod session;

use tokio_postgres::Client;
use trunkline_harness::{Database, Store};

use self::attacks::{CLIMBS, LEAKS, READS};
use self::session::Session;

/// Stands in everything of the other clusters, and in nothing that a tenant sends.
const SECRET: &str = "SECRET-4711";
/// Stands in the tenant's own rows.
const OWN: &str = "OWN-0815";

/// A store with records of the tenant's cluster and of others, in sealed hypertable chunks with statistics.
struct Scene {
    database: Database,
    client: Client,
    /// What stands for what in an attack.
    names: Vec<(&'static str, String)>,
    roles: [String; 3],
    /// An administrator whose last statement is a secret.
    _administrator: Client,
}

impl Scene {
    async fn set() -> Self {
        let database = Store::database().await.unwrap();
        trunkline_it::migrate(&database).unwrap();
        let client = database.connect().await.unwrap();
        let roles =
            ["tenant", "writer", "reader"].map(|kind| format!("{}_{kind}", database.name()));
        let [tenant, writer, reader] = &roles;
        client.batch_execute(&FILL.replace("SECRET", SECRET).replace("OWN", OWN)).await.unwrap();
        for row in
            client.query("SELECT statement FROM log.unsealed(now(), '0')", &[]).await.unwrap()
        {
            client.batch_execute(row.get(0)).await.unwrap();
        }
        client
            .batch_execute(&format!(
                "ANALYZE; CHECKPOINT; SELECT log.create_tenant('{tenant}', ARRAY['mine'], 'shop'); \
                 CREATE ROLE {writer} LOGIN BYPASSRLS IN ROLE trunkline_writer; CREATE ROLE {reader} LOGIN IN ROLE trunkline_reader; \
                 CREATE EXTENSION dblink"
            ))
            .await
            .unwrap();
        let file = format!(
            "DO $$ BEGIN EXECUTE format('COPY (SELECT ''{SECRET}'') TO %L', current_setting('data_directory') || '/base/trunkline_secret'); END $$"
        );
        client.batch_execute(&file).await.unwrap();
        let about = client
            .query_one(
                "SELECT c::text, (SELECT reltoastrelid::regclass::text FROM pg_class WHERE oid = c), pg_relation_filepath(c), current_user::text, \
                 current_database()::text, current_setting('port'), lo_from_bytea(0, $1)::text \
                 FROM (SELECT chunk AS c FROM log.chunk_status WHERE hypertable = 'log.postgres'::regclass LIMIT 1) AS s",
                &[&SECRET.as_bytes()],
            )
            .await
            .unwrap();
        let keys = ["{chunk}", "{toast}", "{file}", "{owner}", "{db}", "{port}", "{lob}"];
        let mut names: Vec<_> = keys
            .into_iter()
            .enumerate()
            .map(|(at, key)| (key, about.get::<_, String>(at)))
            .collect();
        names.push(("{me}", tenant.clone()));
        let administrator = database.connect().await.unwrap();
        administrator.batch_execute(&format!("SELECT '{SECRET}'")).await.unwrap();
        Self { database, client, names, roles, _administrator: administrator }
    }

    async fn session(&self, role: &str) -> Session {
        let rest = self.database.url().split_once('@').unwrap().1;
        Session::open(&format!("postgres://{role}@{rest}")).await
    }

    fn named(&self, sql: &str) -> String {
        self.names.iter().fold(sql.to_owned(), |sql, (key, name)| sql.replace(key, name))
    }

    /// Everything that must be as it was, whoever tried what.
    async fn state(&self) -> String {
        let sql = "SELECT concat_ws(' ', (SELECT count(*) FROM log.postgres), (SELECT count(*) FROM log.patroni), \
                   (SELECT count(*) FROM log.component), (SELECT count(*) FROM log.rejected), \
                   (SELECT string_agg(s::text, ' ' ORDER BY stream) FROM log.stream AS s), \
                   (SELECT string_agg(g::text, ' ' ORDER BY g) FROM log.reader_cluster AS g), \
                   (SELECT string_agg(concat(relname, relacl, relowner, relrowsecurity), ' ' ORDER BY oid) FROM pg_class \
                    WHERE relnamespace IN ('log'::regnamespace, '_timescaledb_internal'::regnamespace)), \
                   (SELECT string_agg(concat(rolname, rolsuper, rolbypassrls), ' ' ORDER BY rolname) FROM pg_roles WHERE rolname = ANY ($1)))";
        self.client.query_one(sql, &[&&self.roles[..]]).await.unwrap().get(0)
    }

    async fn end(self) {
        let [tenant, others @ ..] = &self.roles;
        self.client.execute("SELECT log.drop_tenant($1::text::name)", &[tenant]).await.unwrap();
        for role in others {
            self.client
                .batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
                .await
                .unwrap();
        }
    }
}

const FILL: &str = "
ALTER TABLE log.postgres ALTER COLUMN message SET STORAGE EXTERNAL;
INSERT INTO log.postgres (log_time, namespace, cluster, user_name, error_severity, message, detail, query, stream, position)
SELECT timestamptz '2021-05-01' + n * INTERVAL '1 minute', 'shop', c.name, c.mark, 'LOG',
       format('the secret of them: %s %s', c.mark, CASE WHEN n % 10 = 0 THEN repeat(c.mark, 1000) END), c.mark, c.mark, md5(c.name)::uuid, n
FROM (VALUES ('mine', 'OWN'), ('theirs', 'SECRET'), ('SECRET', 'SECRET')) AS c (name, mark), generate_series(1, 100) AS n;
-- A cluster of this name elsewhere, and records that are nobody's.
INSERT INTO log.postgres (log_time, namespace, cluster, error_severity, message, stream, position)
VALUES ('2021-05-01', 'elsewhere', 'mine', 'LOG', 'SECRET', md5('e')::uuid, 0), ('2021-05-01', NULL, 'mine', 'LOG', 'SECRET', md5('n')::uuid, 0),
       ('2021-05-01', 'shop', NULL, 'LOG', 'SECRET', md5('c')::uuid, 0);
INSERT INTO log.patroni (log_time, namespace, cluster, message, stream, position)
SELECT log_time, namespace, cluster, message, stream, position FROM log.postgres;
INSERT INTO log.component (log_time, namespace, cluster, message, stream, position)
SELECT log_time, namespace, cluster, message, stream, position FROM log.postgres;
INSERT INTO log.rejected (stream, position, namespace, cluster, path, reason, raw)
SELECT stream, position, namespace, cluster, user_name, 'test', convert_to(message, 'UTF8') FROM log.postgres;
INSERT INTO log.stream (stream, position, namespace, cluster, path)
SELECT DISTINCT ON (stream) stream, 1000, namespace, cluster, message FROM log.postgres;
INSERT INTO log.delivered_chunk (stream, position, tag) VALUES (md5('x')::uuid, 1, 'SECRET');
INSERT INTO log.retention (cluster, max_age) VALUES ('SECRET', '99 years');
INSERT INTO log.removed (reason, what, relation, cluster) VALUES ('age', 'rows', 'log.postgres', 'SECRET');
INSERT INTO log.chunk_source (chunk, inserted, cluster) VALUES ('x', 0, 'SECRET');
INSERT INTO log.reader_cluster (reader, namespace, cluster) VALUES ('somebody', 'shop', 'SECRET');
-- Some in each of the tables of counts: so many, which are taken in no order, that some are of each cluster.
SELECT log.recount(); SELECT log.compact_counts(300);
";

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_nothing_of_others_whatever_it_tries() {
    let scene = Scene::set().await;
    let owner = Session::open(scene.database.url()).await;
    let tenant = scene.session(&scene.roles[0]).await;
    let own = ["SELECT message FROM log.postgres UNION ALL SELECT message FROM log.patroni UNION ALL SELECT message FROM log.component".to_owned()];
    let rows = tenant.sees(&own).await;
    assert_eq!(rows.lines().filter(|line| line.contains(OWN)).count(), 300, "{rows}");
    let before = scene.state().await;

    for sql in READS {
        let sql = [scene.named(sql)];
        let seen = tenant.sees(&sql).await;
        assert!(!seen.contains(SECRET), "{sql:?} shows\n{seen}");
        let control = owner.sees(&sql).await;
        assert!(control.contains(SECRET), "{sql:?} shows the owner only\n{control}");
    }
    let _ = tenant.sees(&["LISTEN leak".to_owned()]).await;
    for sql in LEAKS {
        let seen = tenant.sees(&[scene.named(sql)]).await;
        assert!(!seen.contains(SECRET), "{sql} shows\n{seen}");
    }
    let shown = "SELECT count(*) FROM log.postgres WHERE pg_temp.leak(message)".to_owned();
    assert!(
        tenant.sees(&[shown]).await.contains(&format!("saw the secret of them: {OWN}")),
        "the leak works for own rows"
    );
    for sql in CLIMBS {
        let reads = [
            "SELECT * FROM log.postgres",
            "SELECT * FROM postgres",
            "SELECT * FROM {chunk}",
            "SELECT * FROM log.rejected",
        ];
        let attack: Vec<_> = [sql].into_iter().chain(&reads).map(|sql| scene.named(sql)).collect();
        let seen = tenant.sees(&attack).await;
        assert!(!seen.contains(SECRET), "after {sql} it sees\n{seen}");
    }

    assert_eq!(scene.state().await, before, "nothing was changed");
    let rows = tenant.sees(&own).await;
    assert_eq!(rows.lines().filter(|line| line.contains(OWN)).count(), 300, "{rows}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_hypertable_chunks_and_new_tables_are_as_closed_as_the_first() {
    let scene = Scene::set().await;
    let tenant = scene.session(&scene.roles[0]).await;
    let later =
        FILL.lines().take(6).collect::<Vec<_>>().join("\n").replace("2021-05-01", "2021-06-01");
    let later = later.replace("SECRET", SECRET).replace("OWN", OWN);
    scene.client.batch_execute(&later).await.unwrap();
    // As a migration does, and as every migration is followed by.
    scene
        .client
        .batch_execute(&format!(
            "ALTER TABLE log.postgres ADD COLUMN more text DEFAULT '{SECRET}'; SELECT log.grant_roles(); \
             CREATE TABLE log.tally (namespace text, cluster text, count text); INSERT INTO log.tally VALUES ('shop', 'theirs', '{SECRET}'), ('shop', 'mine', '{OWN}'); \
             CREATE VIEW log.open AS SELECT * FROM log.postgres; CREATE VIEW log.careful WITH (security_invoker = true) AS SELECT message FROM log.postgres; \
             SELECT log.grant_roles()"
        ))
        .await
        .unwrap();
    let chunks = scene.client.query("SELECT chunk::text FROM log.chunk_status", &[]).await.unwrap();
    assert!(chunks.len() >= 4);
    let reads = chunks.iter().map(|row| format!("SELECT * FROM {}", row.get::<_, String>(0)));
    let reads: Vec<_> = reads
        .chain(["log.open", "log.tally", "log.careful"].map(|name| format!("SELECT * FROM {name}")))
        .collect();
    let seen = tenant.sees(&reads).await;
    assert!(!seen.contains(SECRET), "{seen}");
    let seen = tenant.sees(&["SELECT * FROM log.careful".to_owned()]).await;
    assert_eq!(seen.lines().filter(|line| line.contains(OWN)).count(), 200, "{seen}");
    let own = tenant.sees(&["SELECT more FROM log.postgres LIMIT 1".to_owned()]).await;
    assert!(own.contains(SECRET), "the column is there: {own}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_count_from_the_next_statement_on_and_a_dropped_tenant_is_gone() {
    let scene = Scene::set().await;
    let tenant = scene.session(&scene.roles[0]).await;
    let clusters =
        ["SELECT DISTINCT coalesce(namespace, '-'), cluster FROM log.postgres ORDER BY 1, 2"
            .to_owned()];
    assert_eq!(tenant.sees(&clusters).await, "shop mine \n");
    let me = &scene.roles[0];
    let grant = format!(
        "INSERT INTO log.reader_cluster (reader, namespace, cluster) VALUES ('{me}', 'shop', 'theirs'), ('{me}', '', 'mine')"
    );
    scene.client.batch_execute(&grant).await.unwrap();
    assert_eq!(tenant.sees(&clusters).await, "- mine \nshop mine \nshop theirs \n");
    scene
        .client
        .batch_execute(&format!("DELETE FROM log.reader_cluster WHERE reader = '{me}'"))
        .await
        .unwrap();
    assert_eq!(tenant.sees(&clusters).await, "");
    let role = me.clone();
    let rest = scene.database.url().split_once('@').unwrap().1.to_owned();
    scene.end().await;
    let login =
        tokio_postgres::connect(&format!("postgres://{role}@{rest}"), tokio_postgres::NoTls).await;
    assert!(login.is_err(), "{role} still logs in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_reads_no_record_and_a_reader_changes_nothing() {
    let scene = Scene::set().await;
    let before = scene.state().await;
    let writer = scene.session(&scene.roles[1]).await;
    // It reads how far streams are stored, and their names: that is its work.
    for sql in READS.iter().filter(|sql| {
        !["log.stream", "delivered_chunk", "schema_to_xml"].iter().any(|name| sql.contains(name))
    }) {
        let seen = writer.sees(&[scene.named(sql)]).await;
        assert!(!seen.contains(SECRET) && !seen.contains(OWN), "{sql} shows a writer\n{seen}");
    }
    let reader = scene.session(&scene.roles[2]).await;
    let seen = reader
        .sees(&["SELECT cluster, message FROM log.postgres WHERE message ILIKE '%secret of them%'"
            .to_owned()])
        .await;
    assert!(seen.contains(SECRET) && seen.contains(OWN), "{seen}");
    for sql in CLIMBS.iter().chain(["INSERT INTO log.rejected (stream, position, reason, raw) VALUES (gen_random_uuid(), 0, 'x', '')"].iter()) {
        let sql = [scene.named(sql).replace(&scene.roles[0], &scene.roles[2])];
        reader.sees(&sql).await;
    }
    assert_eq!(scene.state().await, before);
    scene.end().await;
}
