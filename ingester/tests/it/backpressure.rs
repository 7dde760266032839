//! A database that makes no progress: memory stays within its bound, nothing is acked, and all arrives afterwards.

use bytesize::ByteSize;
use trunkline_record::StreamId;

use crate::sender::{Sender, chunks, log};
use crate::service::{eventually, number, start};

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_bounded_while_the_database_is_stuck() {
    const RECORDS: usize = 30_000;
    const STREAMS: u8 = 8;
    let (service, client, database) = start(|config| {
        config.forward.max_message = ByteSize::kib(64);
        config.forward.memory = ByteSize::kib(256);
    })
    .await;
    let mut stuck = database.connect().await.unwrap();
    let lock = stuck.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE log.stream IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let chunks = chunks(&log(RECORDS), 64 << 10);
    let mut deliveries = Vec::new();
    for stream in 1..=STREAMS {
        let (address, chunks) = (service.forward, chunks.clone());
        deliveries.push(tokio::spawn(async move {
            Sender::deliver(address, StreamId([stream; 16]), &chunks, usize::MAX).await;
        }));
    }
    // A share smaller than what the next forward chunk needs may stay free.
    eventually("memory to be used up", async || {
        service.metric("memory_bytes").await > 230.0 * 1024.0
    })
    .await;
    for _ in 0..10 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(service.metric("memory_bytes").await <= 256.0 * 1024.0);
    }
    assert!(service.metric("unacked_chunks").await > 0.0);
    assert_eq!(service.metric("rows_total{table=\"postgres\"}").await, 0.0);
    lock.rollback().await.unwrap();
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
