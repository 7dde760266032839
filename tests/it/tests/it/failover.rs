//! The store fails over, or an ingester is replaced, while records come in.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::Client;
use trunkline_harness::wait::eventually_true;
use trunkline_harness::{Durability, PostgresServer, StopMode, Store};
use trunkline_it::{Answer, PATIENCE, Pipeline, Sender, csvlog_record};
use trunkline_record::StreamId;

/// A log file that grows.
struct Log {
    path: PathBuf,
    file: File,
    records: u32,
    bytes: u64,
}

impl Log {
    fn new(directory: &Path) -> Self {
        let path = directory.join("orders.csv");
        let file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        Self { path, file, records: 0, bytes: 0 }
    }

    /// Writes so many records, a few at a time, for about `time`.
    async fn write(&mut self, records: u32, time: Duration) {
        for _ in 0..records / 10 {
            let text: String =
                (0..10).map(|at| csvlog_record(self.records + at, "LOG", "a record")).collect();
            self.file.write_all(text.as_bytes()).unwrap();
            self.records += 10;
            self.bytes += text.len() as u64;
            tokio::time::sleep(time / (records / 10)).await;
        }
    }

    fn glob(&self) -> String {
        self.path.display().to_string()
    }
}

/// A pipeline into whichever of these servers takes writes.
fn pipeline(servers: &[&PostgresServer], log: &Log) -> Pipeline {
    let hosts: Vec<_> =
        servers.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
    let url = format!("postgres://postgres@{}/postgres", hosts.join(","));
    Pipeline::new(&url, |config| {
        config.files(&log.glob(), "csvlog").set("ship.backoff_max", "200ms")
    })
    .unwrap()
}

/// Waits until the stream is stored up to `bytes` on this server.
async fn stored(pipeline: &Pipeline, server: &PostgresServer, bytes: u64) -> Client {
    let client = trunkline_harness::database::connect(&server.url("postgres")).await.unwrap();
    let sum = "SELECT coalesce(sum(position), 0)::bigint FROM log.stream";
    eventually_true("everything to be stored", PATIENCE, || async {
        let stored: i64 = client.query_one(sum, &[]).await?.get(0);
        Ok(stored.cast_unsigned() >= bytes)
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    client
}

/// Rows, different rows, gaps, bytes of gaps, rejected records.
async fn counts(client: &Client) -> [i64; 5] {
    let sql = "SELECT count(*), count(DISTINCT (stream, position)), \
               (SELECT sum(gaps)::bigint FROM log.stream), \
               (SELECT sum(gap_bytes)::bigint FROM log.stream), (SELECT count(*) FROM log.rejected) FROM log.postgres";
    let row = client.query_one(sql, &[]).await.unwrap();
    std::array::from_fn(|column| row.get(column))
}

/// A primary whose commits wait for its standby.
fn synchronous_pair() -> (PostgresServer, PostgresServer) {
    let primary = PostgresServer::store(Durability::FastAndLoose).unwrap();
    let standby = primary.standby().unwrap();
    // Behind the backup, so that the standby waits for nobody once it is promoted.
    primary.psql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'").unwrap();
    primary.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    (primary, standby)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_the_loss_of_the_primary() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::new(directory.path());
    let (mut primary, standby) = synchronous_pair();
    let mut pipeline = pipeline(&[&primary, &standby], &log);
    pipeline.start().unwrap();
    log.write(200, Duration::from_secs(1)).await;
    stored(&pipeline, &primary, log.bytes).await;

    log.write(500, Duration::from_secs(2)).await;
    primary.kill9().unwrap();
    log.write(100, Duration::from_secs(1)).await;
    standby.promote().unwrap();
    log.write(200, Duration::from_secs(1)).await;
    let client = stored(&pipeline, &standby, log.bytes).await;
    let rows = i64::from(log.records);
    assert_eq!(counts(&client).await, [rows, rows, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_leave_a_server_that_stops_taking_writes() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::new(directory.path());
    let (primary, standby) = synchronous_pair();
    let mut pipeline = pipeline(&[&primary, &standby], &log);
    pipeline.start().unwrap();
    log.write(200, Duration::from_secs(1)).await;
    stored(&pipeline, &primary, log.bytes).await;

    // It goes on answering, and its connections stay.
    primary.psql("postgres", "ALTER SYSTEM SET default_transaction_read_only = on").unwrap();
    primary.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    log.write(100, Duration::from_secs(1)).await;
    let refused = "trunkline_ingester_retries_total{class=\"read_only\"}";
    eventually_true("a write to be refused", PATIENCE, || async {
        let text = reqwest::get(pipeline.url("/metrics")).await?.text().await?;
        Ok(text.contains(refused))
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    standby.promote().unwrap();
    log.write(100, Duration::from_secs(1)).await;
    let client = stored(&pipeline, &standby, log.bytes).await;
    let rows = i64::from(log.records);
    assert_eq!(counts(&client).await, [rows, rows, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_that_an_asynchronous_failover_lost_are_counted_as_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::new(directory.path());
    let mut primary = PostgresServer::store(Durability::FastAndLoose).unwrap();
    let mut standby = primary.standby().unwrap();
    let mut pipeline = pipeline(&[&primary, &standby], &log);
    pipeline.start().unwrap();
    log.write(200, Duration::from_secs(1)).await;
    stored(&pipeline, &primary, log.bytes).await;
    let same = primary.psql("postgres", "SELECT pg_current_wal_lsn()").unwrap();
    eventually_true("the standby to have it", PATIENCE, || async {
        let sql = format!("SELECT pg_last_wal_replay_lsn() >= '{same}'");
        Ok(standby.psql("postgres", &sql)? == "t")
    })
    .await
    .unwrap();
    standby.stop(StopMode::Fast).unwrap();

    let before = log.bytes;
    log.write(100, Duration::from_secs(1)).await;
    let lost = log.bytes - before;
    stored(&pipeline, &primary, log.bytes).await;
    let state = pipeline.collector_url("/metrics");
    eventually_true("the collector to hold the acks", PATIENCE, || async {
        let text = reqwest::get(&state).await?.text().await?;
        Ok(text
            .lines()
            .any(|line| line.starts_with("trunkline_collector_unacked") && line.ends_with(" 0")))
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    primary.kill9().unwrap();
    standby.start_again().unwrap();
    standby.promote().unwrap();
    log.write(100, Duration::from_secs(1)).await;
    let client = stored(&pipeline, &standby, log.bytes).await;
    let rows = i64::from(log.records - 100);
    assert_eq!(counts(&client).await, [rows, rows, 1, lost.cast_signed(), 0]);
    assert_eq!(pipeline.metric("trunkline_ingester_gaps_total").await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ingesters_are_replaced_one_after_the_other_and_nothing_is_sent_twice() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::new(directory.path());
    let database = Store::database().await.unwrap();
    let mut pipeline = Pipeline::new(database.url(), |config| {
        config.files(&log.glob(), "csvlog").set("ship.backoff_max", "200ms")
    })
    .unwrap();
    pipeline.start().unwrap();
    for _ in 0..5 {
        log.write(400, Duration::from_secs(1)).await;
        let status = {
            let ingester = pipeline.ingester.as_mut().unwrap();
            ingester.terminate_and_wait(Duration::from_secs(30)).unwrap()
        };
        assert!(status.success(), "{status}\n{}", pipeline.logs());
        pipeline.start_ingester().unwrap();
        pipeline.ready().await.unwrap();
        // All that was sent was answered, and each answer reached the collector.
        log.write(50, Duration::from_millis(500)).await;
        assert_eq!(pipeline.metric("trunkline_ingester_duplicates_total").await.unwrap(), 0);
    }
    let client = pipeline.stored(log.bytes).await.unwrap();
    let rows = i64::from(log.records);
    assert_eq!(counts(&client).await, [rows, rows, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_a_connection_and_never_answers_is_left() {
    let database = Store::database().await.unwrap();
    // As a machine that is frozen: its kernel goes on, nobody behind it does.
    let frozen = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("@{},", frozen.local_addr().unwrap());
    let url = database.url().replacen('@', &host, 1);
    assert!(url.contains(&host), "{url}");
    let mut pipeline = Pipeline::new(&format!("{url}?connect_timeout=1"), |config| config).unwrap();
    pipeline.start_ingester().unwrap();
    pipeline.ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_acknowledges_what_is_in_hand_and_resets_nobody() {
    let database = Store::database().await.unwrap();
    let mut pipeline = Pipeline::new(database.url(), |config| config).unwrap();
    pipeline.start_ingester().unwrap();
    pipeline.ready().await.unwrap();
    let client = pipeline.connect().await.unwrap();
    client.batch_execute("BEGIN; LOCK log.stream IN EXCLUSIVE MODE").await.unwrap();
    let mut sender = Sender::connect(&pipeline.forward_address(), StreamId([1; 16])).await.unwrap();
    let chunk = sender.send(csvlog_record(1, "LOG", "m").as_bytes(), 0, 0).await.unwrap();
    eventually_true("the forward chunk to be in hand", PATIENCE, || async {
        Ok(pipeline.metric("trunkline_ingester_unacked_chunks").await? == 1)
    })
    .await
    .unwrap();
    pipeline.ingester.as_mut().unwrap().terminate().unwrap();
    eventually_true("nobody to be taken any more", PATIENCE, || async {
        Ok(tokio::net::TcpStream::connect(pipeline.forward_address()).await.is_err())
    })
    .await
    .unwrap();
    // Sent too late: it isn't read, and stays with its sender.
    sender.send_raw(&[0x93; 100_000]).await.unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(sender.answer().await.unwrap(), Answer::Ack(chunk));
    assert_eq!(sender.answer().await.unwrap(), Answer::Closed);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!sender.is_reset().unwrap(), "{}", pipeline.logs());
    drop(sender);
    let status = pipeline.ingester.as_mut().unwrap().wait(PATIENCE).unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_fills_its_part_leaves_the_others_theirs() {
    let mut store = PostgresServer::store(Durability::FastAndLoose).unwrap();
    let mut pipeline = Pipeline::new(&store.url("postgres"), |config| config)
        .unwrap()
        .ingester_setting("forward.max_message", "256KiB")
        .ingester_setting("forward.memory", "2MiB");
    pipeline.start_ingester().unwrap();
    pipeline.ready().await.unwrap();
    store.stop(StopMode::Fast).unwrap();

    let mut greedy = Sender::connect(&pipeline.forward_address(), StreamId([1; 16])).await.unwrap();
    // What it sends doesn't compress: each forward chunk takes about a fifth of what one address may hold.
    let (mut log, mut sent) = (String::new(), Vec::new());
    for second in 0..60 {
        let from = log.len();
        let noise: String =
            (0..60_000).map(|_| char::from(rand::random_range(b'#'..=b'~'))).collect();
        log += &csvlog_record(second, "LOG", &noise);
        let send = greedy.send(log.as_bytes(), from, 0);
        match tokio::time::timeout(Duration::from_secs(4), send).await {
            Ok(chunk) => sent.push(chunk.unwrap()),
            // The sockets are full.
            Err(_) => break,
        }
    }
    let held = pipeline.metric("trunkline_ingester_memory_bytes").await.unwrap();
    assert!(held <= 256 << 10, "{held} of one address");
    let unacked = pipeline.metric("trunkline_ingester_unacked_chunks").await.unwrap();

    // Shares are of addresses.
    let (other, stream) = (Ipv4Addr::new(127, 0, 0, 2), StreamId([2; 16]));
    let mut modest =
        Sender::connect_from(other, &pipeline.forward_address(), stream).await.unwrap();
    let record = csvlog_record(1, "LOG", "m");
    let chunk = modest.send(record.as_bytes(), 0, 0).await.unwrap();
    eventually_true("the second sender's forward chunk to be taken", PATIENCE, || async {
        Ok(pipeline.metric("trunkline_ingester_unacked_chunks").await? == unacked + 1)
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));

    store.start_again().unwrap();
    assert_eq!(modest.answer().await.unwrap(), Answer::Ack(chunk));
    for chunk in &sent[..3] {
        assert_eq!(greedy.answer().await.unwrap(), Answer::Ack(chunk.clone()));
    }
}
