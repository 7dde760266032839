//! Several databases: what one that makes no progress takes from the others, and what happens to a stream that moves.

use bytesize::ByteSize;
use trunkline_harness::{Database, Store};
use trunkline_ingester::config::Config;
use trunkline_ingester::shards::ShardConfig;
use trunkline_record::StreamId;

use crate::sender::{Sender, chunks, log, record};
use crate::service::{Service, eventually, number};

async fn two_databases() -> [Database; 2] {
    [Store::database().await.unwrap(), Store::database().await.unwrap()]
}

/// Two shards, one of which takes these clusters.
fn shards(databases: &[Database; 2], clusters: &[&str]) -> impl FnOnce(&mut Config) {
    let [rest, special] = databases.each_ref().map(|database| database.url().parse().unwrap());
    let clusters = clusters.iter().map(|&cluster| cluster.to_owned()).collect();
    let of = |name: &str, url, clusters| ShardConfig {
        name: name.to_owned(),
        url,
        namespaces: Vec::new(),
        owner_url: None,
        clusters,
    };
    let shards = vec![of("rest", rest, Vec::new()), of("special", special, clusters)];
    |config| config.shards = shards
}

async fn ready(service: &Service) -> String {
    reqwest::get(service.url("/health/ready")).await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_goes_on_for_one_shard_while_the_other_is_stuck() {
    let databases = two_databases().await;
    let change = shards(&databases, &["stuck"]);
    let service = Service::start(&databases[0], |config| {
        change(config);
        config.forward.max_message = ByteSize::kib(256);
        config.forward.memory = ByteSize::mib(2);
    })
    .await;
    eventually("both schemas", async || !ready(&service).await.contains("degraded")).await;
    let mut stuck = databases[1].connect().await.unwrap();
    let lock = stuck.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE log.stream IN ACCESS EXCLUSIVE MODE").await.unwrap();

    // What doesn't compress: some of these forward chunks fill the connection's share of the memory for the shard that is stuck.
    let noise: String = (0..60_000).map(|_| char::from(rand::random_range(b'#'..=b'~'))).collect();
    let big = chunks(record(1, "LOG", &noise).as_bytes(), 1 << 20);
    let mut sender = service.sender(0).await;
    for stream in 1..=20 {
        sender.change(StreamId([stream; 16]), "stuck");
        sender.send(&big[0], 0).await;
    }
    sender.change(StreamId([100; 16]), "fine");
    let small = chunks(&log(10), 1 << 20);
    let id = sender.send(&small[0], 0).await;
    assert_eq!(sender.ack().await, Some(id));
    let left = service.metric("left_chunks_total{shard=\"special\"}").await;
    assert!((10.0..20.0).contains(&left), "{left}");
    assert_eq!(service.metric("left_chunks_total{shard=\"rest\"}").await, 0.0);

    lock.rollback().await.unwrap();
    for _ in 0..20 - left as usize {
        assert!(sender.ack().await.is_some());
    }
    // What was left to its sender comes again.
    for stream in 1..=20 {
        Sender::deliver_as(service.forward, StreamId([stream; 16]), "stuck", &big, 1).await;
    }
    let client = databases[1].connect().await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, 20);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_moves_to_another_shard_goes_on_where_it_was() {
    const RECORDS: i64 = 2_000;
    let databases = two_databases().await;
    let chunks = chunks(&log(RECORDS as usize), 16 << 10);
    let (half, stream) = (chunks.len() / 2, StreamId([1; 16]));
    let rows = "SELECT count(*) FROM log.postgres";
    let mut clients = Vec::new();
    for database in &databases {
        clients.push(database.connect().await.unwrap());
    }
    // There and back, and no ack ever reaches the sender: it sends everything again each time.
    let routes: [(&[&str], usize); 3] =
        [(&["none"], half), (&["orders"], half + 2), (&["none"], chunks.len())];
    for (clusters, end) in routes {
        let service = Service::start(&databases[0], shards(&databases, clusters)).await;
        Sender::deliver(service.forward, stream, &chunks[..end], usize::MAX).await;
        service.stopped().await;
    }
    let counts = [number(&clients[0], rows).await, number(&clients[1], rows).await];
    assert_eq!(counts[0] + counts[1], RECORDS, "{counts:?}");
    assert!(counts[1] > 0, "{counts:?}");
    for client in &clients {
        assert_eq!(number(client, "SELECT sum(gaps)::bigint FROM log.stream").await, 0);
    }
    let last = "SELECT max(position) FROM log.stream";
    assert_eq!(number(&clients[0], last).await.cast_unsigned(), chunks[chunks.len() - 1].to);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_may_move_in_the_middle_of_a_connection() {
    let databases = two_databases().await;
    let chunks = chunks(&log(2_000), 16 << 10);
    let service = Service::start(&databases[0], shards(&databases, &["orders"])).await;
    let stream = StreamId([1; 16]);
    // As when a pod's labels arrive late. Nothing is lost or doubled, whichever shard is faster.
    let half = chunks.len() / 2;
    let mut acked = 0;
    while acked < chunks.len() {
        let mut sender = Sender::connect(service.forward, stream).await;
        for (at, chunk) in chunks.iter().enumerate().skip(acked) {
            sender.change(stream, if at < half { "unknown" } else { "orders" });
            if sender.try_send(chunk, chunks[acked].from).await.is_none() {
                break;
            }
        }
        while let Some(_id) = sender.ack().await {
            acked += 1;
            if acked == chunks.len() {
                break;
            }
        }
    }
    let mut rows = 0;
    for database in &databases {
        let client = database.connect().await.unwrap();
        let of_one = number(&client, "SELECT count(*) FROM log.postgres").await;
        assert!(of_one > 0);
        rows += of_one;
    }
    assert_eq!(rows, 2_000);
    service.stopped().await;
}
