//! Four services store into one database, and others' transactions of any length commit and roll back between theirs; twenty clients with
//! different filters watch, leave, and come back to another service. Each gets exactly its rows.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use trunkline_harness::{Database, Store};
use trunkline_record::{Column, Severity, StreamId, Table};

use super::client::{Client, Said};
use crate::sender::{RECORD, chunk_of, record_of};
use crate::service::Service;

const CLIENTS: usize = 20;
const STREAMS: u8 = 8;
const CHUNKS: u64 = 40;
const SESSIONS: u64 = 6;
const TRANSACTIONS: u64 = 40;

/// Rows that a client wants, as the API and as the database are asked for them.
fn filter(client: usize) -> (&'static str, String) {
    let table = if client.is_multiple_of(3) { "all" } else { "postgres" };
    let condition = match client % 7 {
        0 => "TRUE".to_owned(),
        1 => "cluster = 'a'".to_owned(),
        2 => "error_severity >= 'WARNING'".to_owned(),
        3 => format!("message LIKE '%{}'", client % 10),
        4 => "log_time >= '2026-11-22 06:00'".to_owned(),
        5 => "cluster = 'b' AND error_severity < 'WARNING'".to_owned(),
        _ => "user_name IS NULL AND message ~ '[13579]$'".to_owned(),
    };
    (table, format!("({condition}) OR message = 'the end'"))
}

/// A row's table, stream and position.
type Place = (String, String, i64);

#[tokio::test(flavor = "multi_thread")]
async fn each_client_gets_exactly_its_rows() {
    let database = Store::database().await.unwrap();
    let mut services = Vec::new();
    for _ in 0..4 {
        services.push(Service::start(&database, |config| config.batch.rows = 50).await);
    }
    let watched: Vec<_> = services.iter().map(|service| service.url("/api/v1/tail")).collect();
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let (table, condition) = filter(number);
        let query = [("table", table), ("where", condition.as_str())];
        let query = reqwest::Url::parse_with_params("http://x", query).unwrap();
        let query = query.query().unwrap().to_owned();
        let client = Client::connect_to(&watched[number % 4], &query, None).await;
        clients.push(tokio::spawn(watch(number, client, watched.clone(), query)));
    }
    let mut writers = Vec::new();
    for stream in 1..=STREAMS {
        let forward = services[usize::from(stream) % 4].forward;
        writers.push(tokio::spawn(send(stream, forward)));
    }
    for session in 0..SESSIONS {
        let client = database.connect().await.unwrap();
        writers.push(tokio::spawn(commit(session, client)));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    // The last of its group, too, since its rows come in the order of their times.
    let end = StreamId([99; 16]);
    let mut sender = services[0].sender(99).await;
    sender.change(end, "end");
    sender.send(&chunk_of(0, &[record_of(Table::Postgres, 200_000, b"the end")]), 0).await;
    assert!(sender.ack().await.is_some());
    for (number, client) in clients.into_iter().enumerate() {
        let shown = client.await.unwrap();
        let wanted = wanted(number, &database).await;
        let once: BTreeSet<_> = shown.iter().cloned().collect();
        assert_eq!(once.len(), shown.len(), "client {number} is shown rows twice");
        let missing: Vec<_> = wanted.difference(&once).collect();
        let strange: Vec<_> = once.difference(&wanted).collect();
        assert!(
            missing.is_empty() && strange.is_empty(),
            "client {number}: {} of {} missing, {strange:?} strange",
            missing.len(),
            wanted.len()
        );
    }
    for service in services {
        service.stopped().await;
    }
}

/// What is shown until the end, over some connections.
async fn watch(number: usize, mut client: Client, urls: Vec<String>, query: String) -> Vec<Place> {
    let mut random = StdRng::seed_from_u64(number as u64);
    let mut shown = Vec::new();
    let ended = AtomicBool::new(false);
    while !ended.load(Ordering::Relaxed) {
        let Said::Rows(rows) = client.next().await else { panic!("client {number} is slow") };
        for row in rows {
            if row["message"] == "the end" {
                ended.store(true, Ordering::Relaxed);
                continue;
            }
            let text = |name: &str| row[name].as_str().unwrap_or("postgres").to_owned();
            shown.push((text("table"), text("stream"), row["position"].as_i64().unwrap()));
        }
        if random.random_bool(0.2) && !ended.load(Ordering::Relaxed) {
            let token = client.token.clone();
            drop(client);
            tokio::time::sleep(Duration::from_millis(random.random_range(0..500))).await;
            let url = &urls[random.random_range(0..urls.len())];
            client = Client::connect_to(url, &query, Some(&token)).await;
        }
    }
    shown
}

/// A collector's log, in forward chunks of some records each, which are late by up to two days.
async fn send(stream: u8, forward: std::net::SocketAddr) {
    let mut random = StdRng::seed_from_u64(u64::from(stream));
    let mut sender = crate::sender::Sender::connect(forward, StreamId([stream; 16])).await;
    sender.change(StreamId([stream; 16]), if stream.is_multiple_of(2) { "a" } else { "b" });
    let mut from = 0;
    for _ in 0..CHUNKS {
        let texts: Vec<_> =
            (0..random.random_range(1..20)).map(|at| format!("{stream} {from} {at}")).collect();
        let records: Vec<_> = texts
            .iter()
            .map(|text| {
                let table = Table::ALL[random.random_range(0..3)];
                let mut record = record_of(table, random.random_range(0..172_800), text.as_bytes());
                if table == Table::Postgres {
                    let severities = [Severity::Log, Severity::Warning, Severity::Error];
                    record.error_severity = Some(severities[random.random_range(0..3)]);
                    if random.random_bool(0.5) {
                        record.set_text(Column::UserName, Some(b"app"));
                    }
                }
                record
            })
            .collect();
        sender.send(&chunk_of(from, &records), from).await;
        assert!(sender.ack().await.is_some());
        from += records.len() as u64 * RECORD;
    }
}

/// Transactions of any length, a third of which is rolled back.
async fn commit(session: u64, mut client: tokio_postgres::Client) {
    let mut random = StdRng::seed_from_u64(1_000 + session);
    let stream = uuid::Uuid::from_u128(u128::from(session) + 1);
    for at in 0..TRANSACTIONS {
        let position = i64::try_from(at * 100).unwrap();
        let transaction = client.transaction().await.unwrap();
        transaction
            .execute(
                "INSERT INTO log.postgres (log_time, cluster, error_severity, message, stream, position) \
                 SELECT '2026-11-22'::timestamptz + $3 * interval '1 minute' + n * interval '1 second', 'a', 'ERROR', \
                 'long ' || n, $1, $2 + n FROM generate_series(0, 9::bigint) AS n",
                &[&stream, &position, &f64::from(random.random_range(0..2_880))],
            )
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(random.random_range(0..150))).await;
        transaction
            .execute(
                "INSERT INTO log.feed (table_name, cluster, stream, begins, ends, rows, oldest, newest) \
                 SELECT 'postgres', 'a', stream, min(position), max(position) + 1, count(*), min(log_time), max(log_time) \
                 FROM log.postgres WHERE stream = $1 AND position BETWEEN $2 AND $2 + 9 GROUP BY stream",
                &[&stream, &position],
            )
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(random.random_range(0..150))).await;
        match random.random_bool(0.3) {
            true => transaction.rollback().await.unwrap(),
            false => transaction.commit().await.unwrap(),
        }
    }
}

/// What a look at every row gives.
async fn wanted(number: usize, database: &Database) -> BTreeSet<Place> {
    let (table, condition) = filter(number);
    let client = database.connect().await.unwrap();
    let mut all = BTreeSet::new();
    for of in Table::ALL {
        if table != "all" && of != Table::Postgres {
            continue;
        }
        let nothing = if of == Table::Postgres { "" } else { "SELECT NULL::text AS user_name" };
        let besides =
            if nothing.is_empty() { String::new() } else { format!(", ({nothing}) AS n") };
        let sql = format!(
            "SELECT stream::text, position FROM log.{}{besides} WHERE ({condition}) AND message <> 'the end'",
            of.name()
        );
        for row in client.query(&sql, &[]).await.unwrap() {
            all.insert((of.name().to_owned(), row.get(0), row.get(1)));
        }
    }
    all
}
