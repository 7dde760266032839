//! Several ingesters, several connections, one stream: each record is one row.

use std::time::Duration;

use trunkline_harness::Store;
use trunkline_record::{StreamId, Table};

use crate::sender::{Sender, chunk_of, chunks, log, record_of};
use crate::service::{Service, number};

const RECORDS: usize = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn two_ingesters_that_get_the_same_streams_store_each_record_once() {
    let database = Store::database().await.unwrap();
    // Both start at once over an empty database.
    // Small batches: many begin beside others of their streams, where the other ingester may move these.
    let start = || Service::start(&database, |config| config.batch.rows = 400);
    let (one, two) = tokio::join!(start(), start());
    let chunks = chunks(&log(RECORDS), 64 << 10);
    let mut senders = Vec::new();
    for stream in 1..=4 {
        for address in [one.forward, two.forward] {
            let chunks = chunks.clone();
            // A refused connection is opened again: the other ingester may be ahead, or behind.
            senders.push(tokio::spawn(async move {
                Sender::deliver(address, StreamId([stream; 16]), &chunks, 8).await;
            }));
        }
    }
    for sender in senders {
        sender.await.unwrap();
    }
    let client = database.connect().await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, 4 * RECORDS as i64);
    let distinct = "SELECT count(DISTINCT (stream, position)) FROM log.postgres";
    assert_eq!(number(&client, distinct).await, 4 * RECORDS as i64);
    assert_eq!(number(&client, "SELECT sum(gaps)::bigint FROM log.stream").await, 0);
    one.stopped().await;
    two.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stream_has_all_connections_and_keeps_its_order() {
    let database = Store::database().await.unwrap();
    let service = Service::start(&database, |config| {
        (config.batch.rows, config.database.connections) = (400, 4);
    })
    .await;
    let client = database.connect().await.unwrap();
    // What is committed of the stream has no hole, ever.
    client
        .batch_execute(
            "CREATE TABLE seen (rows bigint, position bigint); \
             CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 INSERT INTO seen SELECT (SELECT count(*) FROM log.postgres WHERE position < NEW.position), NEW.position; RETURN NULL; \
             END $$; \
             CREATE CONSTRAINT TRIGGER look AFTER UPDATE ON log.stream DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION look()",
        )
        .await
        .unwrap();
    let chunks = chunks(&log(RECORDS), 16 << 10);
    Sender::deliver(service.forward, StreamId([1; 16]), &chunks, 64).await;
    assert!(service.metric("batches_beside_total").await > 0.0);
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, RECORDS as i64);
    let holes = "SELECT count(*) FROM seen AS s \
                 WHERE s.rows <> (SELECT count(*) FROM log.postgres AS p WHERE p.position < s.position)";
    assert_eq!(number(&client, holes).await, 0);
    assert_eq!(number(&client, "SELECT sum(gaps)::bigint FROM log.stream").await, 0);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_wait_for_one_another_over_a_hypertable_chunk_go_on() {
    let database = Store::database().await.unwrap();
    let service = Service::start(&database, |config| {
        config.batch.rows = 300;
        config.database.log_time_future = Duration::from_secs(366 * 24 * 60 * 60);
    })
    .await;
    // A day a hundred records: each batch needs hypertable chunks that the one beside it may be making.
    let records: Vec<_> =
        (0..RECORDS / 20).map(|at| record_of(Table::Postgres, at * 864, b"x")).collect();
    let mut from = 0;
    let chunks: Vec<_> = records
        .chunks(50)
        .map(|records| {
            let chunk = chunk_of(from, records);
            from = chunk.to;
            chunk
        })
        .collect();
    Sender::deliver(service.forward, StreamId([1; 16]), &chunks, 64).await;
    let client = database.connect().await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, records.len() as i64);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_end_in_the_middle_lose_and_double_nothing() {
    let database = Store::database().await.unwrap();
    let service = Service::start(&database, |config| config.batch.rows = 500).await;
    let chunks = chunks(&log(RECORDS), 16 << 10);
    let mut acked = 0;
    let mut round = 0;
    while acked < chunks.len() {
        round += 1;
        let mut sender = service.sender(1).await;
        let end = (acked + 12).min(chunks.len());
        for chunk in &chunks[acked..end] {
            sender.send(chunk, chunks[acked].from).await;
        }
        // Some of what was sent is answered on a connection that nobody reads any more.
        for _ in 0..(round % 5) + 1 {
            if acked < end && sender.ack().await.is_some() {
                acked += 1;
            }
        }
        drop(sender);
        tokio::time::sleep(Duration::from_millis(round % 3)).await;
    }
    let client = database.connect().await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, RECORDS as i64);
    let distinct = "SELECT count(DISTINCT position) FROM log.postgres";
    assert_eq!(number(&client, distinct).await, RECORDS as i64);
    assert_eq!(number(&client, "SELECT sum(gaps)::bigint FROM log.stream").await, 0);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_answers_only_what_is_stored_and_stores_it_once() {
    let database = Store::database().await.unwrap();
    let chunks = chunks(&log(RECORDS), 16 << 10);
    let mut acked = 0;
    while acked < chunks.len() {
        let service = Service::start(&database, |config| config.batch.rows = 500).await;
        let mut sender = service.sender(1).await;
        for chunk in &chunks[acked..] {
            sender.send(chunk, chunks[acked].from).await;
        }
        for _ in 0..5 {
            if acked < chunks.len() {
                assert!(sender.ack().await.is_some());
                acked += 1;
            }
        }
        service.stopped().await;
        while sender.ack().await.is_some() {
            acked += 1;
        }
        let client = database.connect().await.unwrap();
        let stored = number(&client, "SELECT position FROM log.stream").await;
        assert!(stored.cast_unsigned() >= chunks[acked - 1].to, "acked beyond what is stored");
    }
    let client = database.connect().await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, RECORDS as i64);
}
