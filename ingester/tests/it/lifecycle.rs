//! What one of the ingesters does about the tables in the background.

use tokio_postgres::Client;
use trunkline_harness::Store;

use crate::service::{Service, eventually, number, start};

const CHUNKS: &str =
    "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'postgres'";

/// So many rows at this time.
async fn insert(client: &Client, rows: u32, at: &str) {
    let insert = format!(
        "INSERT INTO log.postgres (log_time, error_severity, stream, position, message) \
         SELECT {at}, 'LOG', gen_random_uuid(), 0, repeat('x', 300) FROM generate_series(1, {rows})"
    );
    client.batch_execute(&insert).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_leads_and_another_follows_when_its_connection_ends() {
    let database = Store::database().await.unwrap();
    let mut services = Vec::new();
    for _ in 0..3 {
        services.push(Service::start(&database, |_| {}).await);
    }
    let client = database.connect().await.unwrap();
    let leaders = async || {
        let mut leaders = Vec::new();
        for (at, service) in services.iter().enumerate() {
            if service.metric("lifecycle_leader").await == 1.0 {
                leaders.push(at);
            }
        }
        leaders
    };
    eventually("a leader", async || !leaders().await.is_empty()).await;
    let first = leaders().await;
    assert_eq!(first.len(), 1, "{first:?}");
    // The leader's lock, and nobody else's.
    let holders = "FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = x'6b637963'::int::oid AND database = \
                   (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(number(&client, &format!("SELECT count(*) {holders}")).await, 1);
    services.swap_remove(first[0]).stopped().await;
    eventually("another leader", async || {
        let mut sum = 0.0;
        for service in &services {
            sum += service.metric("lifecycle_leader").await;
        }
        sum == 1.0
    })
    .await;
    let second = number(&client, &format!("SELECT min(pid)::bigint {holders}")).await;
    client.execute("SELECT pg_terminate_backend($1::bigint::int)", &[&second]).await.unwrap();
    eventually("a leader by another connection", async || {
        number(
            &client,
            &format!("SELECT coalesce(min(pid), 0)::bigint {holders} AND pid <> {second}"),
        )
        .await
            > 0
    })
    .await;
    for service in services {
        service.stopped().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_hypertable_chunk_is_made_before_it_is_needed() {
    let (service, client, database) = start(|_| {}).await;
    insert(&client, 1, "now()").await;
    assert_eq!(number(&client, CHUNKS).await, 1);
    // A leader looks after everything at once.
    service.stopped().await;
    let service = Service::start(&database, |_| {}).await;
    eventually("the next hypertable chunk", async || number(&client, CHUNKS).await == 2).await;
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, 1);
    let success = "lifecycle_last_success_timestamp_seconds{step=\"make_next_chunks\"}";
    eventually("the step to be counted", async || service.metric(success).await > 0.0).await;
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hypertable_chunks_that_nobody_writes_to_are_not_followed_by_more() {
    let (service, client, _database) = start(|_| {}).await;
    service.stopped().await;
    insert(&client, 1, "timestamptz '2031-05-05 12:00 UTC'").await;
    let make = async |at: &str| {
        number(&client, &format!("SELECT count(*) FROM log.make_next_chunks('{at}')")).await
    };
    assert_eq!(make("2031-05-05 13:00 UTC").await, 1);
    assert_eq!(make("2031-05-05 14:00 UTC").await, 0, "it is there");
    assert_eq!(make("2031-05-06 13:00 UTC").await, 0, "the present one is empty");
    insert(&client, 1, "timestamptz '2031-05-06 13:00 UTC'").await;
    assert_eq!(make("2031-05-06 13:01 UTC").await, 1);
    assert_eq!(number(&client, CHUNKS).await, 3);
    assert_eq!(make("2031-06-01 13:00 UTC").await, 0, "no hypertable chunk of the present");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_interval_follows_the_volume_within_its_bounds() {
    let (service, client, _database) = start(|_| {}).await;
    service.stopped().await;
    // Half a day has gone of a day's hypertable chunk.
    insert(&client, 20_000, "timestamptz '2031-05-05 00:00 UTC'").await;
    let fit = async |target: i64, shortest: &str, longest: &str, at: &str| {
        let sql = format!(
            "SELECT coalesce((SELECT becomes::text FROM log.fit_chunk_interval({target}, '{shortest}', '{longest}', '{at}')), 'as it was')"
        );
        client.query_one(&sql, &[]).await.unwrap().get::<_, String>(0)
    };
    let bytes = number(
        &client,
        "SELECT pg_table_size(format('%I.%I', chunk_schema, chunk_name)::regclass) FROM timescaledb_information.chunks",
    )
    .await;
    let noon = "2031-05-05 12:00 UTC";
    assert_eq!(
        fit(bytes, "1 hour", "1 day", "2031-05-05 00:05 UTC").await,
        "as it was",
        "too early to say"
    );
    assert_eq!(fit(2 * bytes, "1 hour", "1 day", noon).await, "as it was");
    assert_eq!(fit(bytes / 3, "1 hour", "1 day", noon).await, "04:00:00");
    assert_eq!(fit(bytes / 3, "1 hour", "1 day", noon).await, "as it was");
    assert_eq!(fit(bytes * 2 / 3, "1 hour", "1 day", noon).await, "as it was", "near enough");
    assert_eq!(fit(bytes / 1000, "1 hour", "1 day", noon).await, "01:00:00", "the shortest");
    assert_eq!(fit(bytes * 1000, "1 hour", "1 day", noon).await, "1 day", "the longest");
    // What is made from now on spans so much.
    assert_eq!(fit(bytes / 3, "1 hour", "1 day", noon).await, "04:00:00");
    insert(&client, 1, "timestamptz '2031-05-07 05:00 UTC'").await;
    let spans = "SELECT extract(epoch FROM range_end - range_start)::bigint FROM timescaledb_information.chunks \
                 WHERE range_start <= '2031-05-07 05:00 UTC' AND range_end > '2031-05-07 05:00 UTC'";
    assert_eq!(number(&client, spans).await, 4 * 3600);
}
