//! Two ingesters are replaced one after the other, as a deployment does, while a collector ships all the time.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio_postgres::Client;
use trunkline_harness::wait::eventually_true;
use trunkline_harness::{Binary, CollectorConfig, Database, IngesterConfig, Process, Store};
use trunkline_it::{PATIENCE, csvlog_record};

/// How often each of the two is replaced.
const ROUNDS: usize = 3;
/// Rows that come between two stops, so that each is one under load.
const BETWEEN: i64 = 2_000;
/// Records written at a time, every few milliseconds.
const AT_A_TIME: u32 = 40;
const STEP: Duration = Duration::from_millis(10);

struct Ingester {
    config: IngesterConfig,
    file: PathBuf,
    log: PathBuf,
    process: Process,
}

impl Ingester {
    fn start(database: &Database, at: &Path) -> Self {
        let config = IngesterConfig::new(database.url()).unwrap();
        let (file, log) = (config.write(at).unwrap(), at.join("log"));
        let process = Process::run(Binary::Ingester, &file, &log).unwrap();
        Self { config, file, log, process }
    }

    async fn ready(&mut self) {
        let url = self.config.http_url("/health/ready");
        self.process.until_ready(&url, PATIENCE).await.unwrap();
    }

    async fn metric(&self, name: &str) -> u64 {
        let text = reqwest::get(self.config.http_url("/metrics")).await.unwrap();
        let text = text.text().await.unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        value.unwrap_or_else(|| panic!("{name} in\n{text}")).parse().unwrap()
    }

    /// How many records it has been sent that were stored already: none, unless a stop kept back an ack.
    async fn duplicates(&self) -> u64 {
        self.metric("trunkline_ingester_duplicates_total").await
    }

    /// Stops it as a deployment does, and starts the next one in its place.
    async fn replace(&mut self) {
        let (process, patience) = (&mut self.process, PATIENCE);
        process.terminate().unwrap();
        let status = tokio::task::block_in_place(|| process.wait(patience)).unwrap();
        assert!(status.success(), "{status}\n{}", process.log_tail());
        self.process = Process::run(Binary::Ingester, &self.file, &self.log).unwrap();
        self.ready().await;
    }
}

async fn count(client: &Client) -> i64 {
    client.query_one("SELECT count(*) FROM log.postgres", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_loses_doubles_and_resets_nothing() {
    let database = Store::database().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let mut ingesters = [
        Ingester::start(&database, &at.join("ingester-0")),
        Ingester::start(&database, &at.join("ingester-1")),
    ];
    for ingester in &mut ingesters {
        ingester.ready().await;
    }
    let path = at.join("server.csv");
    let addresses = ingesters.each_ref().map(|ingester| ingester.config.forward_address());
    let config = CollectorConfig::new("", &at.join("state"))
        .unwrap()
        .set("ship.address", json!(addresses))
        .set("ship.backoff_max", "200ms")
        .set("chunk.bytes", "16 KiB")
        .files(&path.display().to_string(), "csvlog");
    let config = config.write(&at.join("collector")).unwrap();
    let log = at.join("collector.log");
    let _collector = Process::run(Binary::Collector, &config, &log).unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (stop, path) = (Arc::clone(&stop), path.clone());
        tokio::task::spawn_blocking(move || write(&path, &stop))
    };
    let client = database.connect().await.unwrap();
    let mut duplicates = 0;
    for _ in 0..ROUNDS {
        for ingester in &mut ingesters {
            let wanted = count(&client).await + BETWEEN;
            eventually_true("rows to come in", PATIENCE, || async {
                Ok(count(&client).await >= wanted)
            })
            .await
            .unwrap_or_else(|error| panic!("{error:#}\n{}", read(&log)));
            duplicates += ingester.duplicates().await;
            ingester.replace().await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    let records = writer.await.unwrap();
    eventually_true("all records", PATIENCE, || async { Ok(count(&client).await >= records) })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", read(&log)));

    let sql = "SELECT count(*), count(DISTINCT (stream, position)), \
               count(*) FILTER (WHERE message = 'record ' || number), \
               (SELECT count(*) FROM log.rejected), (SELECT sum(gaps)::bigint FROM log.stream) FROM \
               (SELECT *, row_number() OVER (ORDER BY position) AS number FROM log.postgres) AS p";
    let row = client.query_one(sql, &[]).await.unwrap();
    let found: [i64; 5] = std::array::from_fn(|column| row.get(column));
    assert_eq!(found, [records, records, records, 0, 0]);
    for ingester in &ingesters {
        duplicates += ingester.duplicates().await;
        let log = read(&ingester.log);
        assert!(!log.contains("work left over"), "{log}");
    }
    assert_eq!(duplicates, 0, "what is stored was acknowledged before the stop\n{}", read(&log));
    let log = read(&log);
    let lost: Vec<&str> = log.lines().filter(|line| line.contains("connection lost")).collect();
    assert!(lost.len() >= ROUNDS, "the collector moved {} times\n{log}", lost.len());
    assert!(lost.iter().all(|line| line.contains("closed by the other side")), "{lost:?}");
    println!("{records} records, {} moves", lost.len());
}

fn read(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

/// Writes at a steady rate until told to stop; answers how many records those were.
fn write(path: &Path, stop: &AtomicBool) -> i64 {
    let mut file = File::create_new(path).unwrap();
    let mut records = 0;
    while !stop.load(Ordering::Relaxed) {
        let record = |n| csvlog_record(n % 86_400, "LOG", &format!("record {n}"));
        let text: String = (records + 1..=records + AT_A_TIME).map(record).collect();
        file.write_all(text.as_bytes()).unwrap();
        records += AT_A_TIME;
        std::thread::sleep(STEP);
    }
    records.into()
}
