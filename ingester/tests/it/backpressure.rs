//! A database that makes no progress: memory stays within its bound, each peer within its part, nothing is acked, and all arrives afterwards.

use std::net::Ipv4Addr;
use std::time::Duration;

use bytesize::ByteSize;
use trunkline_forward::{Compression, Compressor, PackedForward};
use trunkline_harness::Database;
use trunkline_record::StreamId;

use crate::sender::{Sender, chunks, log};
use crate::service::{Service, eventually, number, start};

const MEMORY: f64 = 256.0 * 1024.0;
const RESERVE: f64 = MEMORY / 8.0;
/// The largest message, and so the largest part of a peer.
const PART: f64 = 64.0 * 1024.0;

/// A service with little memory.
async fn small() -> (Service, tokio_postgres::Client, Database) {
    start(|config| {
        config.forward.max_message = ByteSize::b(PART as u64);
        config.forward.memory = ByteSize::b(MEMORY as u64);
    })
    .await
}

/// Lets nothing be stored before the connection rolls back.
async fn stick(database: &Database) -> tokio_postgres::Client {
    let stuck = database.connect().await.unwrap();
    let lock = "BEGIN; LOCK TABLE log.stream, log.delivered_chunk IN ACCESS EXCLUSIVE MODE";
    stuck.batch_execute(lock).await.unwrap();
    stuck
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_bounded_while_the_database_is_stuck() {
    const RECORDS: usize = 30_000;
    const STREAMS: u8 = 8;
    let (service, client, database) = small().await;
    let stuck = stick(&database).await;
    let chunks = chunks(&log(RECORDS), 64 << 10);
    let mut deliveries = Vec::new();
    for stream in 1..=STREAMS {
        let (address, chunks) = (service.forward, chunks.clone());
        deliveries.push(tokio::spawn(async move {
            let from = Ipv4Addr::new(127, 0, 0, stream);
            Sender::deliver_from(
                from,
                address,
                StreamId([stream; 16]),
                "orders",
                &chunks,
                usize::MAX,
            )
            .await;
        }));
    }
    // A share smaller than what the next forward chunk needs may stay free.
    eventually("memory to be used up", async || {
        service.metric("memory_bytes").await > MEMORY - RESERVE - 26.0 * 1024.0
    })
    .await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(service.metric("memory_bytes").await <= MEMORY);
    }
    assert!(service.metric("unacked_chunks").await > 0.0);
    assert_eq!(service.metric("rows_total{table=\"postgres\"}").await, 0.0);
    stuck.batch_execute("ROLLBACK").await.unwrap();
    for delivery in deliveries {
        delivery.await.unwrap();
    }
    let all = RECORDS as i64 * i64::from(STREAMS);
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, all);
    assert_eq!(service.metric("memory_bytes").await, 0.0);
    assert_eq!(service.metric("unacked_chunks").await, 0.0);
    assert_eq!(service.metric("queue_depth").await, 0.0);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_connects_again_and_again_holds_its_part_and_others_have_theirs() {
    let (service, client, database) = small().await;
    let stuck = stick(&database).await;
    let chunks = chunks(&log(3_000), 64 << 10);
    for _ in 0..40 {
        let received = service.metric("bytes_total").await;
        let mut greedy = service.sender(1).await;
        for chunk in &chunks {
            greedy.send(chunk, 0).await;
        }
        eventually("something to be read", async || service.metric("bytes_total").await > received)
            .await;
    }
    assert!(service.metric("memory_bytes").await <= PART);
    let waiting = service.metric("unacked_chunks").await;
    let other = Ipv4Addr::new(127, 0, 0, 2);
    let mut modest = Sender::connect_from(other, service.forward, StreamId([2; 16])).await;
    for chunk in &chunks {
        modest.send(chunk, 0).await;
    }
    eventually("another peer to be served", async || {
        service.metric("unacked_chunks").await > waiting
    })
    .await;
    stuck.batch_execute("ROLLBACK").await.unwrap();
    for _ in &chunks {
        assert!(modest.ack().await.is_some());
    }
    let sql = "SELECT count(*) FROM log.postgres AS p JOIN log.stream AS s USING (stream) \
               WHERE stream = '02020202-0202-0202-0202-020202020202'";
    assert_eq!(number(&client, sql).await, 3_000);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_more_by_being_converted_counts_for_what_it_is() {
    const RECORDS: usize = 10_000;
    let (service, client, database) = small().await;
    let stuck = stick(&database).await;
    // Empty records: next to nothing on the wire. Here each has a number and a time.
    let mut entries = Vec::new();
    Compressor::new(3).compress(&[0x92, 0, 0x80].repeat(RECORDS), &mut entries).unwrap();
    let (mut senders, mut one) = (Vec::new(), 0.0);
    for peer in 1..=12 {
        let from = Ipv4Addr::new(127, 0, 0, peer);
        let mut sender = Sender::connect_from(from, service.forward, StreamId([0; 16])).await;
        let mut wire = Vec::new();
        let chunk = format!("chunk {peer}");
        let (tag, compression) = ("app", Compression::Zstd);
        PackedForward { tag, entries: &entries, compression, size: 1, chunk: &chunk, own: None }
            .write(&mut wire);
        assert!(wire.len() < 1024, "{}", wire.len());
        sender.send_raw(&wire).await;
        senders.push(sender);
        if peer == 1 {
            eventually("it to be converted", async || service.metric("unacked_chunks").await > 0.0)
                .await;
            one = service.metric("memory_bytes").await;
            assert!(one > 8.0 * 1024.0, "{one} bytes");
        }
    }
    // The others wait, each as it came.
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(service.metric("unacked_chunks").await * one <= RESERVE + one);
    }
    stuck.batch_execute("ROLLBACK").await.unwrap();
    for sender in &mut senders {
        assert!(sender.ack().await.is_some());
    }
    let all = (RECORDS * senders.len()) as i64;
    assert_eq!(number(&client, "SELECT count(*) FROM log.component").await, all);
    eventually("memory to be given back", async || service.metric("memory_bytes").await == 0.0)
        .await;
    service.stopped().await;
}
