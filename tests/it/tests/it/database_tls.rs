//! TLS between the ingester and the database: whom it takes for the database, and that everything it says goes that way.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use tempfile::TempDir;
use trunkline_harness::wait::eventually_true;
use trunkline_harness::{Binary, Durability, IngesterConfig, PostgresServer};
use trunkline_it::{PATIENCE, Pipeline, csvlog_record};

use crate::authority::Authority;

/// The name in the server's certificate. `hostaddr` says where that is.
const NAME: &str = "db.test";

/// A store that takes `guest` by TLS alone, `keeper` by TLS, password and client certificate, and the harness as ever; and the directory
/// with `ca.pem`, `other.pem` of an authority that it isn't from, and a client's certificate for `keeper`.
fn store() -> (PostgresServer, TempDir) {
    let server = PostgresServer::store(Durability::FastAndLoose).unwrap();
    let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let at = directory.path();
    authority.write(at);
    authority.issue(at, "server", NAME);
    authority.issue(at, "keeper", "keeper");
    Authority::new().write_as(at, "other.pem");
    let data = server.data_dir();
    let owner = fs::metadata(&data).unwrap();
    for file in ["server.pem", "server.key", "ca.pem"] {
        let path = data.join(file);
        fs::copy(at.join(file), &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    for sql in [
        "CREATE ROLE guest SUPERUSER LOGIN",
        "CREATE ROLE keeper SUPERUSER LOGIN PASSWORD 's3cret'",
        "ALTER SYSTEM SET ssl_cert_file = 'server.pem'",
        "ALTER SYSTEM SET ssl_key_file = 'server.key'",
        "ALTER SYSTEM SET ssl_ca_file = 'ca.pem'",
        "ALTER SYSTEM SET ssl = on",
    ] {
        server.psql("postgres", sql).unwrap();
    }
    let rules = "hostssl all guest all trust\nhostssl all keeper all scram-sha-256 clientcert=verify-full\n\
                 host all postgres all trust\n";
    fs::write(data.join("pg_hba.conf"), rules).unwrap();
    server.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    (server, directory)
}

fn url(server: &PostgresServer, user: &str, host: &str, parameters: &str) -> String {
    let port = server.port();
    format!("postgres://{user}@{host}:{port}/postgres?hostaddr=127.0.0.1&{parameters}")
}

/// What `migrate` says with this URL, and whether it got through.
fn migrate(url: &str, directory: &Path) -> (bool, String) {
    let config = IngesterConfig::new(url).unwrap().write(directory).unwrap();
    let mut command = Binary::Ingester.command().unwrap();
    let output = command.args(["migrate", "--config"]).arg(config).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_who_sslmode_wants_it_to_be() {
    let (server, directory) = store();
    let at = directory.path();
    eventually_true("TLS", PATIENCE, || async {
        Ok(migrate(&url(&server, "guest", NAME, "sslmode=require"), at).0)
    })
    .await
    .unwrap();
    let check = |host: &str, parameters: &str, refused: Option<&str>| {
        let parameters = parameters.replace("DIR", &at.display().to_string());
        let (taken, said) = migrate(&url(&server, "guest", host, &parameters), at);
        assert_eq!(taken, refused.is_none(), "{host} {parameters}: {said}");
        assert!(said.contains(refused.unwrap_or_default()), "{host} {parameters}: {said}");
    };
    check(NAME, "sslmode=verify-full&sslrootcert=DIR/ca.pem", None);
    check(NAME, "sslmode=verify-full&sslrootcert=DIR/ca.pem&channel_binding=prefer", None);
    check("db.other", "sslmode=verify-full&sslrootcert=DIR/ca.pem", Some("not valid for name"));
    check(NAME, "sslmode=verify-full&sslrootcert=DIR/other.pem", Some("invalid peer certificate"));
    check("db.other", "sslmode=verify-ca&sslrootcert=DIR/ca.pem", None);
    check(NAME, "sslmode=verify-ca&sslrootcert=DIR/other.pem", Some("invalid peer certificate"));
    check("db.other", "sslmode=require&sslrootcert=DIR/ca.pem", None);
    check(NAME, "sslmode=require&sslrootcert=DIR/other.pem", Some("invalid peer certificate"));
    check(NAME, "sslrootcert=system", Some("invalid peer certificate"));
    // Who asks for no check gets none.
    check("db.other", "sslmode=prefer&sslrootcert=DIR/other.pem", None);
    check("db.other", "sslmode=allow", None);
    check(NAME, "sslmode=disable", Some("no encryption"));
    check(NAME, "sslmode=verify-full&sslrootcert=DIR/missing.pem", Some("missing.pem"));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_queries_and_cancels_go_over_tls_with_certificate_and_channel_binding() {
    let (server, directory) = store();
    let at = directory.path();
    let dir = at.display();
    let url = url(
        &server,
        "keeper:s3cret",
        NAME,
        &format!(
            "sslmode=verify-full&sslrootcert={dir}/ca.pem&sslcert={dir}/keeper.pem&sslkey={dir}/keeper.key\
             &channel_binding=require"
        ),
    );
    let glob = at.join("*.csv").display().to_string();
    fs::write(at.join("a.csv"), csvlog_record(1, "LOG", "m")).unwrap();
    let mut pipeline = Pipeline::new(&url, |config| config.files(&glob, "csvlog"))
        .unwrap()
        .ingester_setting("http.query_timeout", "10min");
    pipeline.start().unwrap();
    let ask = |sql: &str| server.psql("postgres", sql);
    eventually_true("the record", PATIENCE, || async {
        Ok(ask("SELECT count(*) FROM log.postgres")? == "1")
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    let secured = "SELECT bool_and(ssl), min(client_dn) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                   WHERE usename = 'keeper' AND backend_type = 'client backend'";
    assert_eq!(ask(secured).unwrap(), "t|/CN=keeper");

    // A query that waits is cancelled when nobody waits for it any more.
    let mut lock = server.psql_command("postgres").unwrap();
    lock.args(["-c", "BEGIN; LOCK log.postgres; SELECT pg_sleep(3600)"]);
    let log = at.join("lock.log");
    let lock = trunkline_harness::Process::spawn(&lock, &log).unwrap();
    let count = |what: &str| {
        let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE {what}");
        ask(&sql).map(|count| count != "0")
    };
    eventually_true("the lock", PATIENCE, || async {
        count("usename = 'postgres' AND wait_event = 'PgSleep'")
    })
    .await
    .unwrap();
    let waits = "usename = 'keeper' AND wait_event_type = 'Lock'";
    let query = tokio::spawn(reqwest::get(pipeline.url("/api/v1/logs?from=2026-11-22T00:00:00Z")));
    eventually_true("the query to wait", PATIENCE, || async { count(waits) }).await.unwrap();
    query.abort();
    eventually_true("the query to be cancelled", PATIENCE, || async { count(waits).map(|w| !w) })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    assert!(count("usename = 'postgres' AND wait_event = 'PgSleep'").unwrap());
    drop(lock);
}
