//! A collector with `ship.mode = "compatible"`: what a Forward server of other authors receives, and what our own ingester makes of it.

mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use trunkline_harness::csv_truth::{self, COLUMNS};
use trunkline_harness::wait::eventually_true;
use trunkline_harness::{CollectorConfig, Corpus, Store};
use trunkline_it::{PATIENCE, Pipeline, csvlog_record};

use crate::authority::Authority;
use server::{Received, Server};

/// Where a record stands: its file and its position there.
type Place = (PathBuf, u64);

/// A directory with the corpus' csvlogs and Patroni logs, and a log with a torn record.
struct Logs {
    directory: tempfile::TempDir,
    /// The csvlogs, and their servers' zones.
    csvlogs: BTreeMap<PathBuf, String>,
    patroni: Vec<PathBuf>,
    torn: PathBuf,
}

impl Logs {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let corpus = Corpus::carried().unwrap();
        // Short ones, and such as have long records.
        let small = |bytes, records| bytes < 300_000 || records < 200;
        let csvlogs = corpus
            .files("csvlog")
            .into_iter()
            .filter(|fixture| small(fixture.expected.bytes, fixture.expected.records.unwrap()));
        let csvlogs = csvlogs.map(|fixture| {
            let zone = fixture.expected.log_timezone.clone().unwrap();
            (fixture.unpack_into(directory.path()).unwrap(), zone)
        });
        let csvlogs = csvlogs.collect();
        let patroni = corpus.files("patroni-text").into_iter();
        let patroni = patroni.map(|fixture| fixture.unpack_into(directory.path()).unwrap());
        let patroni = patroni.collect();
        let torn = directory.path().join("torn.csv");
        let whole = csvlog_record(1, "LOG", "whole");
        fs::write(&torn, format!("{}{whole}", "torn \"\u{1}")).unwrap();
        Self { directory, csvlogs, patroni, torn }
    }

    fn configure(&self, mut config: CollectorConfig) -> CollectorConfig {
        for (path, zone) in &self.csvlogs {
            config = config.files_in_zone(&path.display().to_string(), "csvlog", zone);
        }
        for path in &self.patroni {
            config = config.files(&path.display().to_string(), "patroni");
        }
        config.files(&self.torn.display().to_string(), "csvlog").set("ship.mode", "compatible")
    }

    /// The csvlogs' records as another reader finds them: their fields by name, without the empty ones.
    fn truth(&self) -> BTreeMap<Place, BTreeMap<&'static str, String>> {
        let mut all = BTreeMap::new();
        for path in self.csvlogs.keys() {
            for record in csv_truth::read_file(path).unwrap() {
                let fields = COLUMNS.iter().filter_map(|name| {
                    let field = record.field(name).filter(|field| !field.is_empty())?;
                    Some((*name, String::from_utf8(field.to_vec()).unwrap()))
                });
                all.insert((path.clone(), record.position), fields.collect());
            }
        }
        all
    }
}

fn place(record: &Value) -> Place {
    (record["path"].as_str().unwrap().into(), record["position"].as_u64().unwrap())
}

/// The fields of a received record that are columns, as csvlog has them; times are compared by their own test.
fn fields(record: &Value) -> BTreeMap<&'static str, String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let field = |name: &&'static str| {
        let text = record.get(*name).map(text).filter(|text| !text.is_empty())?;
        Some((*name, text))
    };
    COLUMNS.iter().filter_map(field).collect()
}

/// Compares a record with what the server wrote.
fn compare(record: &Value, truth: &BTreeMap<&'static str, String>) {
    let (mut found, mut truth) = (fields(record), truth.clone());
    for (column, exact) in [("log_time", true), ("session_start_time", true), ("query_id", false)] {
        let (found, truth) = (found.remove(column), truth.remove(column));
        assert_eq!(found.is_some(), truth.is_some(), "{column}");
        let (Some(found), Some(truth)) = (found, truth) else { continue };
        if exact {
            let found = chrono::DateTime::parse_from_rfc3339(&found).unwrap().naive_utc();
            let found = found.format("%Y-%m-%d %H:%M:%S%.3f").to_string();
            // What zones mean is tested elsewhere: minutes are the same in those of the corpus.
            let from = if truth.ends_with("UTC") { 0 } else { 14 };
            let end = truth.rfind(' ').unwrap();
            assert!(found[from..].starts_with(&truth[from..end]), "{found} {truth}");
        } else {
            // Numbers of JavaScript have 53 bits.
            assert_eq!(found.parse::<f64>().unwrap(), truth.parse::<f64>().unwrap());
        }
    }
    // Severities are in the server's language there.
    assert_eq!(found.remove("error_severity").is_some(), truth.remove("error_severity").is_some());
    assert_eq!(found, truth);
}

/// Waits until everything was received, and compares all of it; answers how many records came more than once.
async fn exactly(logs: &Logs, received: &Received, pipeline: &Pipeline) -> usize {
    let truth = logs.truth();
    let is_entry = |line: &&Value| line["tag"].is_string();
    eventually_true("everything to be acknowledged", PATIENCE, || async {
        let status: Value = reqwest::get(pipeline.collector_url("/status")).await?.json().await?;
        let lag = &status["lag_bytes"];
        anyhow::ensure!(lag == 0 && status["files"]["waiting"] == 0, "{lag} bytes are not");
        let places: BTreeSet<_> = received.look(|lines| {
            lines.iter().filter(is_entry).map(|line| place(&line["record"])).collect()
        });
        Ok(truth.keys().all(|place| places.contains(place)))
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    let records: Vec<Value> =
        received.look(|lines| lines.iter().filter(is_entry).cloned().collect());
    let mut by_place: BTreeMap<Place, &Value> = BTreeMap::new();
    for line in &records {
        let record = &line["record"];
        assert_eq!(line["tag"], "postgres.test.orders.orders-0");
        for (name, value) in [("namespace", "test"), ("cluster", "orders"), ("pod", "orders-0")] {
            assert_eq!(record[name], value);
        }
        let again = by_place.insert(place(record), record);
        assert!(again.is_none_or(|again| again == record), "{again:?} {record}");
        if let Some(truth) = truth.get(&place(record)) {
            assert_eq!(record["table"], "postgres");
            compare(record, truth);
            let time = record["log_time"].as_str().unwrap();
            let time = chrono::DateTime::parse_from_rfc3339(time).unwrap();
            let event = (line["time"][0].as_i64().unwrap(), line["time"][1].as_u64().unwrap());
            assert_eq!(event, (time.timestamp(), u64::from(time.timestamp_subsec_nanos())));
        }
    }
    // Nothing but what was written.
    for ((path, position), record) in &by_place {
        if logs.csvlogs.contains_key(path) {
            assert!(truth.contains_key(&(path.clone(), *position)), "{record}");
        }
    }
    let of = |path: &Path| -> Vec<&Value> {
        by_place.iter().filter(|((other, _), _)| other == path).map(|(_, record)| *record).collect()
    };
    let torn = of(&logs.torn);
    assert_eq!((&torn[0]["table"], &torn[0]["raw"]), (&json!("rejected"), &json!("torn \"\u{1}")));
    assert_eq!((&torn[1]["table"], &torn[1]["message"]), (&json!("postgres"), &json!("whole")));
    for path in &logs.patroni {
        let is_patronis = |record: &&Value| record["table"] == "patroni";
        assert!(of(path).iter().any(is_patronis), "{}", path.display());
    }
    let again = records.len() - by_place.len();
    println!("{} records, {again} of them again", records.len());
    again
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A collector of these logs that ships to this port of a server of others.
fn collector(logs: &Logs, port: u16, more: &[(&str, Value)]) -> Pipeline {
    Pipeline::new("postgres://nowhere/none", |config| {
        let config = logs.configure(config).set("ship.address", format!("127.0.0.1:{port}"));
        let config = config.set("ship.backoff_max", "200ms").set("chunk.bytes", "64KiB");
        more.iter().fold(config, |config, (path, value)| config.set(path, value.clone()))
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_other_authors_receives_exactly_what_was_written() {
    let logs = Logs::new();
    let at = logs.directory.path();
    let authority = Authority::new();
    authority.write(at);
    authority.issue(at, "server", "fluent.test");
    let file = |name: &str| fs::read_to_string(at.join(name)).unwrap();
    let (port, received) = (free_port(), Received::default());
    let orders = json!({
        "port": port, "keepalive": true, "tls": {"cert": file("server.pem"), "key": file("server.key")},
        "security": {"serverHostname": "fluent.test", "sharedKey": "a shared key", "authorize": true,
                     "userDict": {"reporter": "s3cret"}},
    });
    let _server = Server::start(&orders, &received).await;
    let mut pipeline = collector(
        &logs,
        port,
        &[
            ("ship.shared_key", json!("a shared key")),
            ("ship.username", json!("reporter")),
            ("ship.password", json!("s3cret")),
            ("ship.tls.ca", json!(at.join("ca.pem").display().to_string())),
            ("ship.tls.server_name", json!("fluent.test")),
        ],
    );
    pipeline.start_collector().unwrap();
    assert_eq!(exactly(&logs, &received, &pipeline).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_connection_carries_one_message_each_gets_its_own() {
    let logs = Logs::new();
    let (port, received) = (free_port(), Received::default());
    let security = json!({"serverHostname": "fluent.test", "sharedKey": "key"});
    let orders = json!({"port": port, "keepalive": false, "security": security});
    let _server = Server::start(&orders, &received).await;
    let none = ("ship.compatible.compression", json!("none"));
    let mut pipeline = collector(&logs, port, &[("ship.shared_key", json!("key")), none]);
    pipeline.start_collector().unwrap();
    assert_eq!(exactly(&logs, &received, &pipeline).await, 0);
    let mut connections: Vec<_> = received
        .look(|lines| lines.iter().filter_map(|line| line["connection"].as_u64()).collect());
    let acks = connections.len();
    connections.dedup();
    assert!(
        acks > 10 && connections.len() == acks,
        "{acks} acks, {} connections",
        connections.len()
    );
    // Connections that end as they should are no failures.
    assert!(!pipeline.logs().contains("connection lost"), "{}", pipeline.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_collectors_and_servers_that_go_away_lose_nothing() {
    let seed = std::env::var("TRUNKLINE_SEED").map(|seed| seed.parse().unwrap());
    let seed = seed.unwrap_or_else(|_| u64::from(rand::random::<u32>()));
    println!("seed: run again with TRUNKLINE_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let logs = Logs::new();
    let (port, received) = (free_port(), Received::default());
    let orders = json!({"port": port, "keepalive": true});
    let mut pipeline = collector(&logs, port, &[("ship.window", json!("64KiB"))]);
    // Files grow while all this happens.
    let whole: Vec<_> =
        logs.csvlogs.keys().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    for path in logs.csvlogs.keys() {
        fs::write(path, "").unwrap();
    }
    let mut server = Server::start(&orders, &received).await;
    for (path, content) in whole {
        let mut file = fs::File::options().append(true).open(&path).unwrap();
        let half = content.len() / 2;
        file.write_all(&content[..half]).unwrap();
        if pipeline.collector.is_none() {
            pipeline.start_collector().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..80))).await;
        match random.random_range(0..3) {
            0 => pipeline.collector.take().unwrap().kill9().unwrap(),
            1 => {
                server.end().await;
                server = Server::start(&orders, &received).await;
            }
            _ => {}
        }
        file.write_all(&content[half..]).unwrap();
    }
    if pipeline.collector.is_none() {
        pipeline.start_collector().unwrap();
    }
    exactly(&logs, &received, &pipeline).await;
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_ingester_reads_back_what_a_compatible_collector_sends() {
    let logs = Logs::new();
    let database = Store::database().await.unwrap();
    let mut pipeline = Pipeline::new(database.url(), |config| logs.configure(config)).unwrap();
    pipeline.start().unwrap();
    pipeline.ready().await.unwrap();
    let truth = logs.truth();
    eventually_true("everything to be acknowledged", PATIENCE, || async {
        let status: Value = reqwest::get(pipeline.collector_url("/status")).await?.json().await?;
        let packed: u64 = status["streams"]
            .as_array()
            .map(|streams| streams.iter().filter_map(|one| one["records"].as_u64()).sum())
            .unwrap_or_default();
        Ok(status["lag_bytes"] == 0 && packed > truth.len() as u64)
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    let sql = pipeline.connect().await.unwrap();
    let rows = sql
        .query(
            "SELECT to_jsonb(r) FROM log.postgres AS r WHERE extra ->> 'path' NOT LIKE '%torn.csv'",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(rows.len(), truth.len());
    for row in rows {
        let mut row: Value = row.get(0);
        for (name, value) in [("namespace", "test"), ("cluster", "orders"), ("pod", "orders-0")] {
            assert_eq!(row[name], value);
        }
        assert_eq!(row["escaped"], Value::Null);
        let extra = row["extra"].take();
        let path: PathBuf = extra["path"].as_str().unwrap().into();
        let truth = &truth[&(path, extra["position"].as_u64().unwrap())];
        row.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        compare(&row, truth);
    }
    let count = |table: &str, column: &str| {
        let query = format!("SELECT coalesce(array_agg({column}), '{{}}') FROM log.{table}");
        let sql = &sql;
        async move { sql.query_one(&query, &[]).await.unwrap().get::<_, Vec<String>>(0) }
    };
    let raw = count("rejected", "convert_from(raw, 'UTF8')").await;
    assert_eq!(raw, ["torn \"\u{1}"]);
    let of: BTreeSet<_> =
        count("patroni", "extra ->> 'path'").await.into_iter().map(PathBuf::from).collect();
    assert_eq!(of, logs.patroni.iter().cloned().collect());
}
