//! Senders that keep no order: Fluent Bit, which tries again when it likes, from several threads, and cuts anew after a crash.

use trunkline_harness::Store;
use trunkline_record::StreamId;

use crate::sender::{Sender, chunks, log};
use crate::service::{Service, number};

const RECORDS: usize = 5_000;

#[tokio::test(flavor = "multi_thread")]
async fn ranges_in_any_order_cut_in_two_ways_are_stored_once_by_two_ingesters() {
    let database = Store::database().await.unwrap();
    let (one, two) =
        tokio::join!(Service::start(&database, |_| {}), Service::start(&database, |_| {}));
    let log = log(RECORDS);
    let mut senders = Vec::new();
    // Chunks of two sizes over the same bytes, each in another order, by strides that meet every chunk once.
    for (address, size, stride) in [
        (one.forward, 16 << 10, 7),
        (two.forward, 9 << 10, 11),
        (one.forward, 9 << 10, 1),
        (two.forward, 16 << 10, 5),
    ] {
        let chunks = chunks(&log, size);
        senders.push(tokio::spawn(async move {
            let mut sender = Sender::connect(address, StreamId([1; 16])).await;
            for start in 0..stride {
                for chunk in chunks.iter().skip(start).step_by(stride).rev() {
                    let id = sender.send(chunk, None).await;
                    assert_eq!(sender.ack().await, Some(id));
                }
            }
        }));
    }
    for sender in senders {
        sender.await.unwrap();
    }
    let client = database.connect().await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, RECORDS as i64);
    let distinct = "SELECT count(DISTINCT position) FROM log.postgres";
    assert_eq!(number(&client, distinct).await, RECORDS as i64);
    let whole = "SELECT position FROM log.stream WHERE ahead IS NULL AND gaps = 0";
    assert_eq!(number(&client, whole).await, log.len() as i64);
    one.stopped().await;
    two.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_stays_open_until_it_is_filled_by_whomever() {
    let database = Store::database().await.unwrap();
    let service = Service::start(&database, |_| {}).await;
    let log = log(RECORDS);
    let all = chunks(&log, 16 << 10);
    let [first, lost, rest @ ..] = all.as_slice() else { panic!("three chunks at least") };
    let mut sender = service.sender(1).await;
    for chunk in rest.iter().rev().chain([first]) {
        let id = sender.send(chunk, None).await;
        assert_eq!(sender.ack().await, Some(id));
    }
    let client = database.connect().await.unwrap();
    let hole = "SELECT lower(ahead) - position FROM log.stream";
    assert_eq!(number(&client, hole).await, (lost.to - lost.from) as i64);
    // A collector that takes over sends everything, in order: only what is missing is stored.
    Sender::deliver(service.forward, StreamId([1; 16]), &all, 8).await;
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, RECORDS as i64);
    let whole = "SELECT position FROM log.stream WHERE ahead IS NULL AND gaps = 0";
    assert_eq!(number(&client, whole).await, log.len() as i64);
    // And what a sender without order repeats behind a collector is known.
    let id = sender.send(lost, None).await;
    assert_eq!(sender.ack().await, Some(id));
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, RECORDS as i64);
    service.stopped().await;
}
