//! The database does what databases do: ends sessions, refuses rows, loses rows of ours.

use std::time::Duration;

use trunkline_record::StreamId;

use crate::sender::{Sender, chunks, log, record};
use crate::service::{eventually, number, start};

const TERMINATE: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                         WHERE datname = current_database() AND application_name = 'trunkline-ingester'";

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_terminated_cost_time_and_no_row() {
    const RECORDS: usize = 50_000;
    let (service, client, _database) = start(|config| config.batch.rows = 2_000).await;
    let chunks = chunks(&log(RECORDS), 64 << 10);
    let (address, stream) = (service.forward, StreamId([1; 16]));
    let delivery = tokio::spawn(async move { Sender::deliver(address, stream, &chunks, 16).await });
    let mut terminated = 0;
    while !delivery.is_finished() {
        terminated += number(&client, TERMINATE).await;
        tokio::time::sleep(Duration::from_millis(70)).await;
    }
    delivery.await.unwrap();
    assert!(terminated > 3, "{terminated}");
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, RECORDS as i64);
    assert_eq!(
        number(&client, "SELECT count(DISTINCT position) FROM log.postgres").await,
        RECORDS as i64
    );
    assert_eq!(number(&client, "SELECT count(*) FROM log.rejected").await, 0);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_rows_of_many_streams_are_found_and_nothing_else_is() {
    let (service, client, _database) =
        start(|config| config.batch.age = Duration::from_millis(300)).await;
    client.batch_execute("ALTER TABLE log.postgres ADD CHECK (message <> 'poison')").await.unwrap();
    let mut senders = Vec::new();
    for stream in 1..=5_u8 {
        let poisoned = |at: usize| at % 97 == usize::from(stream);
        let log: String = (0..200)
            .map(|at| record(at, "LOG", if poisoned(at) { "poison" } else { "fine" }))
            .collect();
        let mut sender = service.sender(stream).await;
        for chunk in chunks(log.as_bytes(), 8 << 10) {
            sender.send(&chunk, 0).await;
        }
        senders.push((sender, chunks(log.as_bytes(), 8 << 10).len()));
    }
    for (mut sender, count) in senders {
        for _ in 0..count {
            assert!(sender.ack().await.is_some());
        }
    }
    // Records 1 to 5, 98 to 102 and 195 to 199: three in each stream.
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, 5 * 197);
    assert_eq!(
        number(&client, "SELECT count(DISTINCT (stream, position)) FROM log.rejected").await,
        15
    );
    let raw = "SELECT count(*) FROM log.rejected WHERE convert_from(raw, 'UTF8')::jsonb ->> 'message' = 'poison' \
               AND reason LIKE '%check constraint%' AND cluster = 'orders' AND path = '/log/orders.csv'";
    assert_eq!(number(&client, raw).await, 15);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_stream_begins_again_where_its_sender_holds_acks() {
    let (service, client, _database) = start(|_| {}).await;
    let chunks = chunks(&log(100), 4 << 10);
    let mut sender = service.sender(1).await;
    sender.send(&chunks[0], 0).await;
    assert!(sender.ack().await.is_some());
    client.batch_execute("DELETE FROM log.stream").await.unwrap();
    sender.send(&chunks[1], chunks[1].from).await;
    assert!(sender.ack().await.is_some());
    assert_eq!(
        number(&client, "SELECT position FROM log.stream").await.cast_unsigned(),
        chunks[1].to
    );
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_chunk_that_lies_about_its_positions_is_refused_and_others_are_stored() {
    let (service, client, _database) =
        start(|config| config.batch.age = Duration::from_millis(300)).await;
    let good = chunks(&log(50), 1 << 20);
    let mut lie = good[0].clone();
    lie.to = 100;
    let (mut liar, mut honest) = (service.sender(1).await, service.sender(2).await);
    liar.send(&lie, 0).await;
    honest.send(&good[0], 0).await;
    assert!(honest.ack().await.is_some());
    assert!(liar.ack().await.is_none());
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, 50);
    // Entries that can't be decompressed, likewise.
    let mut damaged = good[0].clone();
    let middle = damaged.entries.len() / 2;
    damaged.entries.truncate(middle);
    let mut sender = service.sender(3).await;
    sender.send(&damaged, 0).await;
    assert!(sender.ack().await.is_none());
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, 50);
    eventually("memory to be given back", async || service.metric("memory_bytes").await == 0.0)
        .await;
    assert_eq!(service.metric("unacked_chunks").await, 0.0);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_turned_read_only_is_waited_for() {
    let (service, client, database) = start(|_| {}).await;
    let set = format!("ALTER DATABASE {} SET default_transaction_read_only", database.name());
    client.batch_execute(&format!("{set} = on")).await.unwrap();
    client.execute(TERMINATE, &[]).await.unwrap();
    let mut sender = service.sender(1).await;
    sender.send(&chunks(&log(10), 1 << 20)[0], 0).await;
    eventually("a retry", async || {
        let metrics = reqwest::get(service.url("/metrics")).await.unwrap().text().await.unwrap();
        metrics.contains("trunkline_ingester_retries_total{class=\"read_only\"}")
    })
    .await;
    client.batch_execute(&format!("{set} = off")).await.unwrap();
    assert!(sender.ack().await.is_some());
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, 10);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_is_waited_for_and_shows() {
    let (service, client, _database) = start(|_| {}).await;
    client.batch_execute("ALTER TABLE log.postgres RENAME TO elsewhere").await.unwrap();
    let mut sender = service.sender(1).await;
    sender.send(&chunks(&log(10), 1 << 20)[0], 0).await;
    eventually("readiness to say so", async || {
        let answer = reqwest::get(service.url("/health/ready")).await.unwrap();
        answer.status() == 503 && answer.text().await.unwrap().contains("log.postgres")
    })
    .await;
    client.batch_execute("ALTER TABLE log.elsewhere RENAME TO postgres").await.unwrap();
    assert!(sender.ack().await.is_some());
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, 10);
    assert_eq!(number(&client, "SELECT count(*) FROM log.rejected").await, 0);
    eventually("readiness", async || service.status("/health/ready").await == 200).await;
    service.stopped().await;
}
