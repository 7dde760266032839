//! Several databases: an ingester that spreads clusters over them, and a hub that presents them as one.

mod tenants;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio_postgres::Client;
use trunkline_harness::wait::eventually_true;
use trunkline_harness::{Binary, CollectorConfig, Durability, PostgresServer, Process, database};
use trunkline_it::{PATIENCE, Pipeline, csvlog_record};

const HUB: &str = include_str!("../../../../sql/hub.sql");

/// A log of one cluster, and the collector that ships it.
struct Source {
    cluster: &'static str,
    file: File,
    records: u32,
    _collector: Process,
}

impl Source {
    fn start(directory: &Path, forward: &str, cluster: &'static str) -> Self {
        let directory = directory.join(cluster);
        let path = directory.join("server.csv");
        let config = CollectorConfig::new(forward, &directory.join("state"))
            .unwrap()
            .set("source.namespace", "shop")
            .set("source.cluster", cluster)
            .set("source.pod", format!("{cluster}-0"))
            .set("ship.backoff_max", "200ms")
            .files(&path.display().to_string(), "csvlog");
        let config: PathBuf = config.write(&directory).unwrap();
        let file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        let log = directory.join("collector.log");
        let collector = Process::run(Binary::Collector, &config, &log).unwrap();
        Self { cluster, file, records: 0, _collector: collector }
    }

    /// Every tenth is an error.
    fn write(&mut self, records: u32) {
        let record = |at: u32| {
            let severity = if at.is_multiple_of(10) { "ERROR" } else { "LOG" };
            csvlog_record(at, severity, &format!("{} record {at}", self.cluster))
        };
        let text: String = (self.records..self.records + records).map(record).collect();
        self.file.write_all(text.as_bytes()).unwrap();
        self.records += records;
    }

    /// Waits until all of it is in this database, once, and nothing of another cluster is.
    async fn is_alone_in(&self, shard: &PostgresServer, pipeline: &Pipeline) {
        let client = database::connect(&shard.url("logs")).await.unwrap();
        let sql = "SELECT count(*), count(DISTINCT (stream, position)), \
                   count(*) FILTER (WHERE cluster IS DISTINCT FROM $1) FROM log.postgres";
        eventually_true("a cluster's records to be in its shard", PATIENCE, || async {
            let row = client.query_one(sql, &[&self.cluster]).await?;
            let counts: [i64; 3] = std::array::from_fn(|at| row.get(at));
            anyhow::ensure!(counts == [i64::from(self.records), counts[0], 0], "{counts:?}");
            Ok(true)
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    }
}

/// A server with a database for a shard.
fn shard() -> PostgresServer {
    let server = PostgresServer::store(Durability::FastAndLoose).unwrap();
    server.psql("postgres", "CREATE DATABASE logs").unwrap();
    server
}

/// A hub over both shards, and a reader of it that is no superuser.
async fn make_hub(on: &PostgresServer, shards: [(&str, &PostgresServer); 2]) -> Client {
    let client = database::connect(&on.url("hub")).await.unwrap();
    client.batch_execute("CREATE EXTENSION timescaledb").await.unwrap();
    client.batch_execute(HUB).await.unwrap();
    for (name, server) in shards {
        let add = "SELECT hub.add_shard($1::text::name, host => '127.0.0.1', port => $2, dbname => 'logs', remote_user => 'postgres')";
        client.execute(add, &[&name, &i32::from(server.port())]).await.unwrap();
    }
    client
        .batch_execute("CREATE ROLE reader LOGIN; SELECT hub.add_reader('reader', 'postgres')")
        .await
        .unwrap();
    // The file may be run again, and what it made before stays.
    client.batch_execute(HUB).await.unwrap();
    let url = on.url("hub").replacen("postgres@", "reader@", 1);
    database::connect(&url).await.unwrap()
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

async fn plan(client: &Client, sql: &str) -> String {
    let rows = client.query(&format!("EXPLAIN (VERBOSE, COSTS OFF) {sql}"), &[]).await.unwrap();
    rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect()
}

async fn get(url: &str) -> (u16, Value) {
    let answer = reqwest::get(url).await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_are_spread_over_two_databases_and_a_hub_shows_them_as_one() {
    let (rest, mut special) = (shard(), shard());
    rest.psql("postgres", "CREATE DATABASE hub").unwrap();
    let shards = json!([
        { "name": "rest", "url": rest.url("logs") },
        { "name": "special", "url": special.url("logs"), "namespaces": ["sh?p"], "clusters": ["ord*"] },
    ]);
    let mut pipeline = Pipeline::new(&rest.url("hub"), |config| config)
        .unwrap()
        .ingester_setting("shards", shards);
    pipeline.start_ingester().unwrap();
    let (directory, forward) = (pipeline.directory().to_owned(), pipeline.forward_address());
    let mut orders = Source::start(&directory, &forward, "orders");
    let mut stock = Source::start(&directory, &forward, "stock");
    orders.write(300);
    stock.write(200);
    orders.is_alone_in(&special, &pipeline).await;
    stock.is_alone_in(&rest, &pipeline).await;

    let reader = make_hub(&rest, [("rest", &rest), ("special", &special)]).await;
    assert_eq!(number(&reader, "SELECT count(*) FROM log.postgres").await, 500);
    assert_eq!(number(&reader, "SELECT count(DISTINCT cluster) FROM log.postgres").await, 2);
    assert_eq!(number(&reader, "SELECT count(*) FROM log.stream").await, 2);
    let written = reader.execute("DELETE FROM log.postgres", &[]).await;
    assert!(written.is_err());
    check_plans(&reader).await;

    let page = "/api/v1/logs?from=2026-11-22T00:00:00Z&limit=1000";
    let (status, all) = get(&pipeline.url(page)).await;
    assert_eq!((status, all["rows"].as_array().unwrap().len()), (200, 500));
    let (_, errors) = get(&pipeline.url(&format!("{page}&severity=ERROR&cluster=orders"))).await;
    let errors = errors["rows"].as_array().unwrap();
    assert_eq!(errors.len(), 30);
    assert!(errors.iter().all(|row| row["cluster"] == "orders"));

    special.kill9().unwrap();
    orders.write(100);
    stock.write(100);
    stock.is_alone_in(&rest, &pipeline).await;
    eventually_true("the loss to show", PATIENCE, || async {
        let (status, ready) = get(&pipeline.url("/health/ready")).await;
        let degraded = ready["degraded"][0].as_str().unwrap_or_default();
        anyhow::ensure!(status == 200, "{ready}");
        let metrics = reqwest::get(pipeline.url("/metrics")).await?.text().await?;
        let retried = metrics
            .lines()
            .any(|line| line.contains("retries_total{") && line.contains("shard=\"special\""));
        Ok(degraded.starts_with("shard special, ") && retried)
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    let (status, _) = get(&pipeline.url(page)).await;
    assert!(status >= 500, "{status}");
    let owner = database::connect(&rest.url("hub")).await.unwrap();
    owner.execute("SELECT hub.leave_out('special')", &[]).await.unwrap();
    let (status, rows) = get(&pipeline.url(page)).await;
    assert_eq!((status, rows["rows"].as_array().unwrap().len()), (200, 300));

    special.start_again().unwrap();
    orders.is_alone_in(&special, &pipeline).await;
    owner.execute("SELECT hub.take_in('special')", &[]).await.unwrap();
    assert_eq!(number(&reader, "SELECT count(*) FROM log.postgres").await, 700);
    let (_, ready) = get(&pipeline.url("/health/ready")).await;
    assert_eq!(ready, json!({ "status": "ready" }));

    // A column that a later migration makes.
    for shard in [&rest, &special] {
        shard.psql("logs", "ALTER TABLE log.postgres ADD COLUMN later text DEFAULT 'x'").unwrap();
    }
    owner.batch_execute("SELECT hub.refresh()").await.unwrap();
    assert_eq!(number(&reader, "SELECT count(later) FROM log.postgres").await, 700);
    owner.batch_execute("SELECT hub.remove_shard('special')").await.unwrap();
    assert_eq!(number(&reader, "SELECT count(*) FROM log.postgres").await, 300);
}

/// What is sent to the shards, by EXPLAIN's words.
async fn check_plans(reader: &Client) {
    let check = |plan: &str, sent: &str, times: usize| {
        assert_eq!(plan.matches(sent).count(), times, "{sent:?} in\n{plan}");
    };
    // Conditions, also those of a type that isn't built in, and all shards at once.
    let found = plan(
        reader,
        "SELECT log_time, message FROM log.postgres WHERE log_time >= '2026-11-22Z' \
         AND error_severity >= 'WARNING' AND cluster = ANY ('{orders,stock}') AND message ILIKE '%record 1%'",
    )
    .await;
    check(&found, "Async Foreign Scan on shard_", 2);
    let conditions = "FROM log.postgres WHERE ((log_time >= '2026-11-22 00:00:00+00')) AND ((error_severity >= 'WARNING')) \
                      AND ((cluster = ANY ('{orders,stock}'::text[]))) AND ((message ~~* '%record 1%'))";
    check(&found, conditions, 2);
    check(&found, "Filter:", 0);

    // The order, so that a page is merged of the shards' first rows.
    let page = plan(
        reader,
        "SELECT log_time, message FROM log.postgres WHERE log_time >= '2026-11-22Z' \
         ORDER BY log_time DESC, stream DESC, position DESC LIMIT 101",
    )
    .await;
    check(&page, "Merge Append", 1);
    check(
        &page,
        "ORDER BY log_time DESC NULLS FIRST, stream DESC NULLS FIRST, \"position\" DESC",
        2,
    );

    // A moment that is calculated stands in a query of its own.
    let recent = plan(
        reader,
        "SELECT message FROM log.postgres WHERE log_time >= (SELECT now() - interval '1 hour')",
    )
    .await;
    check(&recent, "WHERE ((log_time >= $1::timestamp with time zone))", 2);

    // Aggregates, where the shards are told apart.
    let counted = plan(
        reader,
        "SELECT minute, sum(n) FROM (SELECT time_bucket('1 minute', log_time) AS minute, count(*) AS n \
         FROM log.postgres WHERE log_time >= '2026-11-22Z' AND error_severity >= 'ERROR' \
         GROUP BY 1, (role IS NULL)::int) AS each GROUP BY 1",
    )
    .await;
    check(&counted, "Async Foreign Scan", 2);
    check(&counted, "Relations: Aggregate on (shard_", 2);
    let aggregate = "SELECT public.time_bucket('00:01:00'::interval, log_time), count(*), (role IS NULL)::integer \
                     FROM log.postgres WHERE ((log_time >= '2026-11-22 00:00:00+00')) AND ((error_severity >= 'ERROR')) GROUP BY 1, 3";
    check(&counted, aggregate, 2);
}
