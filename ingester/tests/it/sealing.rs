//! Hypertable chunks whose time has passed get their search indexes, whatever happens in between, and rows that come late are found by them.

use std::time::Duration;

use tokio_postgres::Client;
use trunkline_harness::{Database, Store};
use trunkline_ingester::config::Config;
use trunkline_ingester::store::{self, DatabaseUrl, Pool, migrate};

use crate::service::{Service, eventually, number};

/// A store with rows of two days long ago, one of them said twice, and of this moment.
async fn filled() -> (Client, Database) {
    let database = Store::database().await.unwrap();
    let url: DatabaseUrl = database.url().parse().unwrap();
    migrate(&Pool::for_writers(&store::Config::default(), &url)).await.unwrap();
    let client = database.connect().await.unwrap();
    for at in ["'2021-05-01 12:00 UTC'", "'2021-05-02 12:00 UTC'", "now()"] {
        insert(&client, at, "the usual").await;
    }
    (client, database)
}

async fn insert(client: &Client, at: &str, message: &str) {
    let sql = format!(
        "INSERT INTO log.postgres (log_time, error_severity, message, stream, position) \
         VALUES ({at}, 'LOG', '{message}', gen_random_uuid(), 0)"
    );
    client.batch_execute(&sql).await.unwrap();
}

/// Without waiting whether something comes late.
fn at_once(config: &mut Config) {
    config.lifecycle.seal_after = Duration::ZERO;
}

/// Hypertable chunks of log.postgres that are sealed.
async fn sealed(client: &Client) -> i64 {
    number(client, "SELECT count(*) FROM log.chunk_status WHERE is_sealed AND sealed_at IS NOT NULL AND hypertable = 'log.postgres'::regclass")
        .await
}

/// How often a text is found; in 2021 by the search index.
async fn found(client: &Client, text: &str) -> i64 {
    let condition = format!("message ILIKE '%{text}%' OR detail ILIKE '%{text}%'");
    client.batch_execute("SET enable_seqscan = off; SET enable_indexscan = off").await.unwrap();
    let plan = client
        .query(&format!("EXPLAIN SELECT FROM log.postgres WHERE {condition}"), &[])
        .await
        .unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let scans = plan
        .iter()
        .filter(|line| line.contains("Bitmap Index Scan on") && line.contains("_search"))
        .count();
    assert_eq!(scans, 4, "two columns in each of two hypertable chunks: {plan:#?}");
    number(client, &format!("SELECT count(*) FROM log.postgres WHERE {condition}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_passed_is_sealed_and_late_rows_are_found_there() {
    let (client, database) = filled().await;
    let service = Service::start(&database, at_once).await;
    eventually("the first to be sealed", async || sealed(&client).await >= 1).await;
    eventually("both to be sealed", async || sealed(&client).await == 2).await;
    let present = "SELECT count(*) FROM log.chunk_status WHERE range_end > now() AND is_sealed";
    assert_eq!(number(&client, present).await, 0, "rows still come");
    eventually("it to be counted", async || service.metric("sealed_total").await >= 1.0).await;
    insert(&client, "'2021-05-01 13:00 UTC'", "late and rare").await;
    assert_eq!(found(&client, "RARE").await, 1);
    assert_eq!(found(&client, "usual").await, 3);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_written_while_an_index_is_built() {
    let (client, database) = filled().await;
    // It has to wait until this is over, and nobody for it.
    let slow = database.connect().await.unwrap();
    slow.batch_execute("BEGIN").await.unwrap();
    insert(&slow, "'2021-05-02 13:00 UTC'", "begun before").await;
    let service = Service::start(&database, at_once).await;
    let building =
        "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database()";
    eventually("an index to be built", async || number(&client, building).await == 1).await;
    assert_eq!(
        number(
            &client,
            "SELECT count(*) FROM log.unsealed(now(), '0') WHERE chunk::text LIKE '%_2_chunk'"
        )
        .await,
        0,
        "it is somebody's"
    );
    client.batch_execute("SET lock_timeout = '5s'").await.unwrap();
    insert(&client, "'2021-05-02 14:00 UTC'", "begun after").await;
    slow.batch_execute("COMMIT").await.unwrap();
    eventually("it to be sealed", async || sealed(&client).await == 1).await;
    service.stopped().await;
    build_all(&client).await;
    assert_eq!(found(&client, "begun").await, 2);
}

/// What the service does, one after the other.
async fn build_all(client: &Client) {
    for row in
        client.query("SELECT leftover, statement FROM log.unsealed(now(), '0')", &[]).await.unwrap()
    {
        for statement in [row.get::<_, Option<String>>(0), row.get(1)].into_iter().flatten() {
            client.batch_execute(&statement).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_was_broken_off_is_built_anew() {
    let (client, database) = filled().await;
    let slow = database.connect().await.unwrap();
    slow.batch_execute("BEGIN").await.unwrap();
    insert(&slow, "'2021-05-02 13:00 UTC'", "begun before").await;
    let builder = database.connect().await.unwrap();
    let statement: String = client
        .query_one("SELECT statement FROM log.unsealed(now(), '0') LIMIT 1", &[])
        .await
        .unwrap()
        .get(0);
    let building = tokio::spawn(async move { builder.batch_execute(&statement).await });
    // Before that there is nothing yet that could be left over.
    let at_work = "SELECT coalesce(min(pid), 0)::bigint FROM pg_stat_progress_create_index WHERE datname = current_database() AND phase LIKE 'waiting%'";
    eventually("an index to be built", async || number(&client, at_work).await > 0).await;
    client.batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index WHERE datname = current_database()").await.unwrap();
    assert!(building.await.unwrap().is_err());
    slow.batch_execute("COMMIT").await.unwrap();
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(number(&client, invalid).await, 1);
    let service = Service::start(&database, at_once).await;
    eventually("it to be sealed", async || sealed(&client).await == 1).await;
    assert_eq!(number(&client, invalid).await, 0);
    service.stopped().await;
    build_all(&client).await;
    assert_eq!(found(&client, "begun").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_cannot_be_built_is_said_and_the_others_are() {
    let (client, database) = filled().await;
    let bad = "INSERT INTO log.seal_index (hypertable, name, definition) VALUES ('log.postgres', 'bad', 'USING gin (message)')";
    client.batch_execute(bad).await.unwrap();
    let service = Service::start(&database, at_once).await;
    let failed = "SELECT count(*) FROM log.chunk_status WHERE seal_error LIKE '%operator class%' AND NOT is_sealed";
    eventually("the failure to be seen", async || number(&client, failed).await == 1).await;
    eventually("it to be counted", async || service.metric("seal_failures_total").await >= 1.0)
        .await;
    assert_eq!(
        number(
            &client,
            "SELECT count(*) FROM log.unsealed(now(), '0') WHERE index_name LIKE '%bad'"
        )
        .await,
        1,
        "not again at once"
    );
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_extension_everything_else_works() {
    let (client, database) = filled().await;
    client.batch_execute("DROP EXTENSION pg_trgm").await.unwrap();
    let service = Service::start(&database, at_once).await;
    eventually("the step", async || {
        let text = reqwest::get(service.url("/metrics")).await.unwrap().text().await.unwrap();
        text.contains("lifecycle_last_success_timestamp_seconds{step=\"seal\"}")
    })
    .await;
    assert_eq!(number(&client, "SELECT count(*) FROM log.chunk_status WHERE is_sealed").await, 0);
    assert_eq!(service.status("/health/ready").await, 200);
    service.stopped().await;
    client.batch_execute("CREATE EXTENSION pg_trgm").await.unwrap();
    build_all(&client).await;
    assert_eq!(found(&client, "usual").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_filled_is_left_alone() {
    let (client, _database) = filled().await;
    client.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
    let ready = async |at: &str| {
        number(&client, &format!("SELECT count(*) FROM log.unsealed('2021-05-{at} UTC', '1 hour')"))
            .await
    };
    assert_eq!(ready("01 23:59").await, 0, "its time has not passed");
    assert_eq!(ready("02 00:00").await, 0);
    assert_eq!(ready("02 00:59").await, 0);
    assert_eq!(ready("02 01:00").await, 1);
    for _ in 0..20 {
        insert(&client, "'2021-05-01 13:00 UTC'", "of old").await;
    }
    client.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
    client.batch_execute("SELECT 1").await.unwrap();
    assert_eq!(ready("02 01:30").await, 0, "old logs come in");
    insert(&client, "'2021-05-01 13:00 UTC'", "a late one").await;
    client.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
    client.batch_execute("SELECT 1").await.unwrap();
    assert_eq!(ready("02 02:30").await, 1, "a row now and then keeps nothing");
}
