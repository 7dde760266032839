//! The Community edition of TimescaleDB: the same migrations, compression by policy, retention over what is compressed, and what
//! compression and tenants have to do with one another. It runs in PGlite, PostgreSQL in the process of Node.js; its background workers
//! don't run there, so their jobs are called.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::foreign::clients::Client;

/// What becomes of queries, in a session of its own that has all migrations.
async fn answers(queries: &[&str]) -> Vec<Result<Value, String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sql/migrations");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    // What the ingester makes itself.
    let mut all = vec!["CREATE EXTENSION timescaledb; CREATE SCHEMA log; CREATE TABLE log.migration (version integer)".to_owned()];
    all.extend(
        files.iter().map(|file| format!("BEGIN;\n{}\n;COMMIT", fs::read_to_string(file).unwrap())),
    );
    all.push("SELECT log.grant_roles()".to_owned());
    all.push(FILL.to_owned());
    let prepared = all.len();
    all.extend(queries.iter().map(|query| (*query).to_owned()));
    let said = Client::Pglite.run(&json!(all)).await;
    let mut answers: Vec<_> = serde_json::from_slice::<Vec<Value>>(&said)
        .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(&said)))
        .into_iter()
        .map(|answer| match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["rows"].clone()),
        })
        .collect();
    let asked = answers.split_off(prepared);
    for (answer, query) in answers.iter().zip(&all) {
        assert!(answer.is_ok(), "{answer:?} of {query}");
    }
    asked
}

/// Ten days of three clusters, an hour apart.
const FILL: &str = "\
INSERT INTO log.postgres (log_time, namespace, cluster, error_severity, message, detail, stream, position) \
SELECT t, 'shop', c, 'LOG', 'row of ' || c, repeat('the same again ', 20), md5(c)::uuid, extract(epoch FROM t)::bigint \
FROM generate_series(timestamptz '2021-05-01', '2021-05-10 23:00', '1 hour') AS t, unnest(ARRAY['a', 'b', 'c']) AS c";

/// What the background worker of the policy would do.
const RUN_POLICIES: &str = "\
DO $$ DECLARE job integer; BEGIN \
FOR job IN SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' LOOP CALL run_job(job); END LOOP; \
END $$";

const COMPRESSED: &str = "SELECT count(*)::int AS n FROM log.chunk_status WHERE is_compressed";
const ROWS: &str = "SELECT cluster, count(*)::int AS n FROM log.postgres GROUP BY 1 ORDER BY 1";

/// Asserts that each query has its answer: rows, or a part of the error.
async fn check(expected: &[(&str, Result<Value, &str>)]) {
    let queries: Vec<_> = expected.iter().map(|(query, _)| *query).collect();
    for (answer, (query, expected)) in answers(&queries).await.into_iter().zip(expected) {
        match (&answer, expected) {
            (Ok(rows), Ok(expected)) => assert_eq!(rows, expected, "{query}"),
            (Err(error), Err(part)) => assert!(error.contains(part), "{error} of {query}"),
            _ => panic!("{answer:?} of {query}"),
        }
    }
}

fn rows(a: u32, b: u32, c: u32) -> Result<Value, &'static str> {
    let rows = [("a", a), ("b", b), ("c", c)].into_iter().filter(|(_, n)| *n > 0);
    Ok(rows.map(|(cluster, n)| json!({"cluster": cluster, "n": n})).collect())
}

fn one(column: &str, value: impl Into<Value>) -> Result<Value, &'static str> {
    Ok(json!([{ column: value.into() }]))
}

fn nothing() -> Result<Value, &'static str> {
    Ok(json!([]))
}

#[tokio::test(flavor = "multi_thread")]
async fn old_hypertable_chunks_are_compressed_by_policy_and_keep_their_rows() {
    check(&[
        ("SELECT log.compress_after('7 days') AS refused", one("refused", Value::Null)),
        (
            "SELECT count(*)::int AS n FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' \
             AND (config ->> 'compress_after')::interval = '7 days'",
            one("n", 3),
        ),
        // Again, and with another age.
        ("SELECT log.compress_after('7 days') AS refused", one("refused", Value::Null)),
        ("SELECT log.compress_after('8 days') AS refused", one("refused", Value::Null)),
        (
            "SELECT count(*)::int AS n FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' \
             AND (config ->> 'compress_after')::interval = '8 days'",
            one("n", 3),
        ),
        ("SELECT sum(total_bytes) AS was INTO TEMPORARY TABLE size FROM log.chunk_status", nothing()),
        (RUN_POLICIES, nothing()),
        (COMPRESSED, one("n", 10)),
        (ROWS, rows(240, 240, 240)),
        ("SELECT count(DISTINCT message || detail)::int AS n FROM log.postgres", one("n", 3)),
        // A row that comes late is there, and the next run puts it to the others.
        (
            "INSERT INTO log.postgres (log_time, namespace, cluster, error_severity, stream, position) \
             VALUES ('2021-05-03 12:00', 'shop', 'a', 'LOG', gen_random_uuid(), 0)",
            nothing(),
        ),
        (ROWS, rows(241, 240, 240)),
        // What is compressed isn't sealed.
        ("SELECT count(*)::int AS n FROM log.unsealed(now(), '0')", one("n", 0)),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_removes_rows_of_one_cluster_from_what_is_compressed_and_all_in_the_end() {
    let apply = "CALL log.apply_retention('2021-05-11')";
    let failures = "SELECT count(*)::int AS n FROM log.removed WHERE error IS NOT NULL";
    let chunks = "SELECT count(*)::int AS n FROM log.chunk_status";
    for compress in ["SELECT log.compress_after('1 day')", "SELECT NULL"] {
        check(&[
            (&format!("{compress} AS done"), one("done", Value::Null)),
            (RUN_POLICIES, nothing()),
            ("UPDATE log.retention SET max_age = '5 days'", nothing()),
            ("INSERT INTO log.retention (namespace, cluster, max_age) VALUES ('shop', 'a', '2 days'), (NULL, 'b', NULL)", nothing()),
            ("SELECT count(*)::int AS n FROM log.retention_plan('2021-05-11')", one("n", 8 + 5)),
            (apply, nothing()),
            (failures, one("n", 0)),
            (ROWS, rows(2 * 24, 240, 5 * 24)),
            ("DELETE FROM log.retention WHERE cluster = 'b'", nothing()),
            (apply, nothing()),
            (failures, one("n", 0)),
            (ROWS, rows(2 * 24, 5 * 24, 5 * 24)),
            (chunks, one("n", 5)),
            ("UPDATE log.retention SET max_bytes = 0 WHERE cluster IS NULL", nothing()),
            ("CALL log.apply_retention('2021-05-10 12:00')", nothing()),
            (failures, one("n", 0)),
            (chunks, one("n", 1)),
            (ROWS, rows(24, 24, 24)),
        ])
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compression_and_tenants_exclude_one_another_and_nobody_sees_more_for_it() {
    let create = "SELECT log.create_tenant('tenant', ARRAY['a'], 'shop') IS NOT NULL AS made";
    check(&[
        ("SELECT log.compress_after('7 days') AS refused", one("refused", Value::Null)),
        (RUN_POLICIES, nothing()),
        (create, Err("stop_compressing")),
        // Row-level security is off now, and a tenant let in by hand sees nothing at all.
        (
            "CREATE ROLE byhand IN ROLE trunkline_tenant; GRANT USAGE ON SCHEMA log TO byhand",
            nothing(),
        ),
        ("SET ROLE byhand", nothing()),
        ("SELECT count(*) FROM log.postgres", Err("permission denied")),
        ("SELECT count(*) FROM _timescaledb_internal._hyper_1_1_chunk", Err("permission denied")),
        ("RESET ROLE", nothing()),
        ("SELECT log.stop_compressing() IS NOT NULL AS done", one("done", true)),
        (COMPRESSED, one("n", 0)),
        (ROWS, rows(240, 240, 240)),
        (create, one("made", true)),
        ("SET ROLE tenant", nothing()),
        (ROWS, rows(240, 0, 0)),
        ("SELECT count(*) FROM _timescaledb_internal._hyper_1_1_chunk", Err("permission denied")),
        ("RESET ROLE", nothing()),
        (
            "SELECT log.compress_after('7 days') LIKE 'not with tenants%' AS refused",
            one("refused", true),
        ),
    ])
    .await;
}
