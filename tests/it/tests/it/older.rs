//! Collectors and ingesters of different versions, as a rolling update has them side by side for a while.
//!
//! `tests/fixtures/older` holds what a collector of header version 1 sent, and what it left in its spool.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use serde_json::Value;
use tokio_postgres::Client;
use trunkline_forward::Limits;
use trunkline_forward::server::{Event, Server};
use trunkline_harness::Store;
use trunkline_harness::wait::eventually_true;
use trunkline_it::{Answer, PATIENCE, Pipeline, Sender, csvlog_record};
use trunkline_record::{ChunkHeader, StreamId};

fn fixture(name: &str) -> Vec<u8> {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/older");
    fs::read(fixtures.join(name)).unwrap()
}

/// The messages that were sent, and the stream that they are of.
fn messages() -> (Vec<Vec<u8>>, StreamId) {
    let mut rest = BytesMut::from(fixture("messages").as_slice());
    let mut server = Server::new(Limits::default());
    let (mut messages, mut stream) = (Vec::new(), None);
    while !rest.is_empty() {
        let before = rest.clone();
        let Some(Event::Message(message)) = server.receive(&mut rest).unwrap() else {
            panic!("a part of a message");
        };
        let header = ChunkHeader::from_options(&message.options).unwrap().unwrap();
        assert!(header.from == 0 || !messages.is_empty());
        stream = Some(header.stream);
        messages.push(before[..before.len() - rest.len()].to_vec());
    }
    let version = |message: &Vec<u8>| message.windows(3).any(|bytes| bytes == b"\xa1v\x01");
    assert!(messages.len() > 4 && messages.iter().all(version));
    (messages, stream.unwrap())
}

/// A message of another stream.
fn of(stream: StreamId, message: &[u8], was: StreamId) -> Vec<u8> {
    let at = message.windows(16).position(|bytes| bytes == was.0).unwrap();
    let mut message = message.to_vec();
    message[at..at + 16].copy_from_slice(&stream.0);
    message
}

async fn deliver(sender: &mut Sender, messages: impl IntoIterator<Item = &Vec<u8>>) {
    for message in messages {
        sender.send_raw(message).await.unwrap();
        assert!(matches!(sender.answer().await.unwrap(), Answer::Ack(_)));
    }
}

/// All that is stored of a stream, but for whose it is.
async fn rows(sql: &Client, stream: StreamId) -> Vec<Value> {
    let query = "SELECT to_jsonb(r) - '{stream,namespace,cluster,pod,container,node,role}'::text[] \
                 FROM log.postgres AS r WHERE stream::text = $1 ORDER BY position";
    let rows = sql.query(query, &[&stream.to_string()]).await.unwrap();
    let mut rows: Vec<Value> = rows.iter().map(|row| row.get(0)).collect();
    let query = "SELECT to_jsonb(array[position::text, reason, encode(raw, 'escape')]) \
                 FROM log.rejected WHERE stream::text = $1 ORDER BY position";
    let rejected = sql.query(query, &[&stream.to_string()]).await.unwrap();
    rows.extend(rejected.iter().map(|row| row.get::<_, Value>(0)));
    rows
}

/// What a newer collector's chunk makes of the same log.
async fn truth(sql: &Client, address: &str) -> Vec<Value> {
    let stream = StreamId([9; 16]);
    let mut newer = Sender::connect(address, stream).await.unwrap();
    let id = newer.send(&fixture("server.csv"), 0, 0).await.unwrap();
    assert!(matches!(newer.answer().await.unwrap(), Answer::Ack(acked) if acked == id));
    let rows = rows(sql, stream).await;
    assert_eq!(rows.len(), 192, "191 rows and what is torn");
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn what_older_and_newer_collectors_send_is_the_same_in_the_table() {
    let database = Store::database().await.unwrap();
    let mut pipeline = Pipeline::new(database.url(), |config| config).unwrap();
    pipeline.start_ingester().unwrap();
    pipeline.ready().await.unwrap();
    let (address, sql) = (pipeline.forward_address(), pipeline.connect().await.unwrap());
    let truth = truth(&sql, &address).await;

    let (messages, stream) = messages();
    let mut older = Sender::connect(&address, stream).await.unwrap();
    deliver(&mut older, &messages).await;
    assert_eq!(rows(&sql, stream).await, truth);

    // Its collector is updated in the middle, and what it had sent is on its way still.
    let mixed = StreamId([8; 16]);
    let messages: Vec<_> = messages.iter().map(|message| of(mixed, message, stream)).collect();
    let (first, rest) = messages.split_at(messages.len() / 2);
    deliver(&mut older, first).await;
    let mut newer = Sender::connect(&address, mixed).await.unwrap();
    let mut log = fixture("server.csv");
    newer.send(&log, 0, 0).await.unwrap();
    assert!(matches!(newer.answer().await.unwrap(), Answer::Ack(_)));
    deliver(&mut older, rest).await;
    assert_eq!(rows(&sql, mixed).await, truth);
    let from = log.len();
    log.extend_from_slice(csvlog_record(1, "LOG", "one more").as_bytes());
    newer.send(&log, from, from).await.unwrap();
    assert!(matches!(newer.answer().await.unwrap(), Answer::Ack(_)));
    assert_eq!(rows(&sql, mixed).await.len(), truth.len() + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_collector_left_in_its_spool_is_shipped() {
    let database = Store::database().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let none = directory.path().join("*.csv").display().to_string();
    let mut pipeline = Pipeline::new(database.url(), |config| {
        config.files(&none, "csvlog").set("spool.max_size", "1GiB")
    })
    .unwrap();
    let spool = pipeline.state_dir().join("spool");
    fs::create_dir_all(&spool).unwrap();
    fs::write(spool.join("0000000000000001.spool"), fixture("0000000000000001.spool")).unwrap();
    pipeline.start().unwrap();
    pipeline.ready().await.unwrap();
    let sql = pipeline.stored(fixture("server.csv").len() as u64).await.unwrap();
    let stream: String =
        sql.query_one("SELECT stream::text FROM log.stream", &[]).await.unwrap().get(0);
    let found = rows(&sql, stream.parse().unwrap()).await;
    assert_eq!(found, truth(&sql, &pipeline.forward_address()).await);
    eventually_true("the spool to be empty", PATIENCE, || async {
        Ok(fs::read_dir(&spool)?.next().is_none())
    })
    .await
    .unwrap();
}

/// An ingester that doesn't know a version closes the connection, as it does whatever it refuses.
#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_refused_the_collector_says_what_to_do_and_keeps_its_records() {
    let database = Store::database().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.csv");
    let log: String = (0..10).map(|second| csvlog_record(second, "LOG", "kept")).collect();
    fs::write(&path, &log).unwrap();
    let mut pipeline = Pipeline::new(database.url(), |config| {
        config.files(&path.display().to_string(), "csvlog").set("ship.backoff_max", "50ms")
    })
    .unwrap();
    let older = TcpListener::bind(pipeline.forward_address()).unwrap();
    let updated = Arc::new(AtomicBool::new(false));
    let refusing = std::thread::spawn({
        let updated = Arc::clone(&updated);
        move || {
            while !updated.load(Ordering::Relaxed) {
                let (mut socket, _) = older.accept().unwrap();
                let mut some = [0; 1];
                let _ = std::io::Read::read(&mut socket, &mut some);
            }
        }
    });
    pipeline.start_collector().unwrap();
    let hint = "an ingester that is older than this collector is to be updated first";
    eventually_true("it to say what to do", PATIENCE, || async {
        let status: Value = reqwest::get(pipeline.collector_url("/status")).await?.json().await?;
        Ok(pipeline.logs().contains(hint) && status.to_string().contains(hint))
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    updated.store(true, Ordering::Relaxed);
    refusing.join().unwrap();
    pipeline.start_ingester().unwrap();
    let sql = pipeline.stored(log.len() as u64).await.unwrap();
    let count = sql.query_one("SELECT count(*) FROM log.postgres", &[]).await.unwrap();
    assert_eq!(count.get::<_, i64>(0), 10);
}
