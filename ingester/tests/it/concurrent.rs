//! Several ingesters, several connections, one stream: each record is one row.

use std::time::Duration;

use trunkline_harness::Store;
use trunkline_record::StreamId;

use crate::sender::{Sender, chunks, log};
use crate::service::{Service, number};

const RECORDS: usize = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn two_ingesters_that_get_the_same_streams_store_each_record_once() {
    let database = Store::database().await.unwrap();
    // Both start at once over an empty database.
    let (one, two) =
        tokio::join!(Service::start(&database, |_| {}), Service::start(&database, |_| {}));
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
