//! From files through both plugins and a real ingester into a real database, whatever is killed on the way.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio_postgres::Client;
use trunkline_harness::wait::eventually_true;
use trunkline_harness::{Corpus, Database, HostCommand, Plugin, Process, Store, csv_truth};
use trunkline_it::{PATIENCE, Pipeline, csvlog_record};

use super::Scene;
use crate::corpus::{NUMBERS, TEXTS, counts, every_byte};

/// How long files are written and processes are killed.
const LOAD: Duration = Duration::from_secs(6);

/// A host with both plugins, as a pod would have it, but quicker.
fn host(address: &str, config: &Path, storage: &Path) -> HostCommand {
    let config = config.display().to_string();
    let host = HostCommand::new().unwrap();
    let host = host.plugin(Plugin::Input, [("config", config.as_str())]).unwrap();
    let output = [("address", address), ("ack_timeout", "5s"), ("backoff_max", "200ms")];
    let host = host.plugin(Plugin::Output, output).unwrap();
    let host = host.args(["--retry-limit", "no_limits", "--retry-pause", "0.2", "--flush", "0.2"]);
    host.args(["--collect", "0.1", "--grace", "0.5", "--storage"]).args([storage])
}

struct Setup {
    pipeline: Pipeline,
    client: Client,
    _database: Database,
}

/// A running ingester with an empty store.
async fn setup() -> Setup {
    let database = Store::database().await.unwrap();
    let mut pipeline = Pipeline::new(database.url(), |config| config).unwrap();
    pipeline.start_ingester().unwrap();
    pipeline.ready().await.unwrap();
    let client = pipeline.connect().await.unwrap();
    Setup { pipeline, client, _database: database }
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// Asserts that nothing was rejected, given up or stored twice.
async fn nothing_else(client: &Client) {
    assert_eq!(number(client, "SELECT count(*) FROM log.rejected").await, 0);
    let twice = "SELECT count(*) - count(DISTINCT (stream, position)) FROM log.postgres";
    assert_eq!(number(client, twice).await, 0);
    assert_eq!(number(client, "SELECT coalesce(sum(gaps), 0)::bigint FROM log.stream").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_servers_wrote_arrives_byte_for_byte() {
    let scene = Scene::with_csvlog(u64::MAX);
    let setup = setup().await;
    let address = setup.pipeline.forward_address();
    // Chunks overtake one another, and are flushed by two threads at once.
    let config = scene.config("state", &scene.globs);
    let host = host(&address, &config, &scene.storage());
    let host = host.args(["--workers", "2", "--shuffle", "7", "--chunk-size", "100000"]);
    let mut process = Process::spawn(host.command(), &scene.path("host.log")).unwrap();
    let bytes = scene.logs.iter().map(|log| fs::metadata(log).unwrap().len()).sum();
    let stored = setup.pipeline.stored(bytes).await;
    let client = stored.unwrap_or_else(|error| panic!("{error:#}\n{}", process.log_tail()));
    assert!(process.terminate_and_wait(PATIENCE).unwrap().success(), "{}", process.log_tail());
    nothing_else(&client).await;
    for (fixture, path) in Corpus::all().unwrap().files("csvlog").into_iter().zip(&scene.logs) {
        let path = path.display().to_string();
        counts(&client, &fixture, &path).await;
        every_byte(&client, &fixture, &path).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_fluent_bits_own_tail_arrive_byte_for_byte() {
    let scene = Scene::with_csvlog(1 << 20);
    let setup = setup().await;
    let address = setup.pipeline.forward_address();
    let mut files = 0;
    for (at, log) in scene.logs.iter().enumerate() {
        // A carriage return before a line feed is lost in tail, before any plugin sees it.
        let content = fs::read(log).unwrap();
        if content.windows(2).any(|pair| pair == b"\r\n") {
            continue;
        }
        files += 1;
        let glob = log.with_file_name("*.csv").display().to_string();
        let zone = scene.globs.iter().find(|(known, _)| *known == glob).unwrap().1.clone();
        let pod = format!("pod-{at}");
        let (path, workers) = (log.display().to_string(), (at % 2 * 8).to_string());
        let properties = [
            ("address", address.as_str()),
            ("format", "csvlog"),
            ("log_timezone", zone.as_str()),
            ("pod", pod.as_str()),
        ];
        let host = HostCommand::new().unwrap().plugin(Plugin::Output, properties).unwrap();
        let host = host.args(["--lines", path.as_str(), "--workers", workers.as_str()]);
        let (report, log_lines) = host.args(["--chunk-size", "8000000"]).run().unwrap();
        assert_eq!((report.ok, report.error, report.dropped), (1, 0, 0), "{report:?}\n{log_lines}");
        compare(&setup.client, &pod, log).await;
    }
    assert!(files > 3, "only {files} files");
    nothing_else(&setup.client).await;
}

/// Compares the rows of one pod with the records of one file.
async fn compare(client: &Client, pod: &str, log: &Path) {
    let columns = TEXTS.iter().chain(&NUMBERS).map(|column| format!("{column}::text"));
    let columns = columns.collect::<Vec<_>>().join(", ");
    let sql =
        format!("SELECT {columns} FROM log.postgres WHERE pod = $1 ORDER BY stream, position");
    let rows = client.query(&sql, &[&pod]).await.unwrap();
    let truth = csv_truth::read_file(log).unwrap();
    assert_eq!(rows.len(), truth.len(), "records of {}", log.display());
    for (row, record) in rows.iter().zip(&truth) {
        for (place, column) in TEXTS.iter().chain(&NUMBERS).enumerate() {
            let (stored, written) = (row.get::<_, Option<&str>>(place), record.field(column));
            assert!(
                csv_truth::same_text(stored, written),
                "{} at {}: {column} is {stored:?}, the server wrote {:?}",
                log.display(),
                record.position,
                written.map(String::from_utf8_lossy)
            );
        }
    }
}

/// Writes records until it has written for so long; answers their messages with their positions.
fn write(path: &Path, random: &mut StdRng, until: Instant) -> Vec<(i64, String)> {
    let mut file = fs::File::options().create(true).append(true).open(path).unwrap();
    let (mut at, mut written) = (0, Vec::new());
    while Instant::now() < until {
        for _ in 0..random.random_range(1..200) {
            let text = "x\"\n,".repeat(random.random_range(0..20));
            let message = format!("{} of {}: {text}", written.len(), path.display());
            let record =
                csvlog_record(u32::try_from(written.len() % 86_400).unwrap(), "LOG", &message);
            written.push((i64::try_from(at).unwrap(), message));
            at += record.len();
            file.write_all(record.as_bytes()).unwrap();
        }
        std::thread::sleep(Duration::from_millis(random.random_range(1..50)));
    }
    written
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_each_record_is_one_row() {
    let seed = std::env::var("TRUNKLINE_SEED").ok().map(|seed| seed.parse().unwrap());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    println!("again with TRUNKLINE_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut setup = setup().await;
    let directory = tempfile::tempdir().unwrap();
    let storage = directory.path().join("storage");
    fs::create_dir(&storage).unwrap();
    let paths: Vec<PathBuf> = (0..2).map(|n| directory.path().join(format!("{n}.csv"))).collect();
    let config = directory.path().join("input.toml");
    let state = directory.path().join("state");
    let glob = directory.path().join("*.csv");
    let text = format!(
        "state_dir = \"{}\"\n[chunk]\nbytes = \"16 KiB\"\n[tail]\npoll_interval = \"20ms\"\n\
         [[files]]\npath = \"{}\"\nformat = \"csvlog\"\n",
        state.display(),
        glob.display()
    );
    fs::write(&config, text).unwrap();
    // What waits in the host's memory, and is lost with it, is always something.
    let host = host(&setup.pipeline.forward_address(), &config, &storage);
    let shuffle = seed.to_string();
    let host = host.args(["--ring", "0.3", "--workers", "2", "--chunk-size", "50000"]);
    let host = host.args(["--shuffle", shuffle.as_str()]);
    let log = directory.path().join("host.log");
    let start = || Process::spawn(host.command(), &log).unwrap();

    let until = Instant::now() + LOAD;
    let writers: Vec<_> = paths
        .iter()
        .cloned()
        .map(|path| {
            let mut random = StdRng::seed_from_u64(random.random());
            tokio::task::spawn_blocking(move || write(&path, &mut random, until))
        })
        .collect();
    let mut process = start();
    let mut kills = 0;
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(random.random_range(200..900))).await;
        match random.random_range(0..4) {
            0 => {
                setup.pipeline.ingester.take().unwrap().kill9().unwrap();
                tokio::time::sleep(Duration::from_millis(random.random_range(0..500))).await;
                setup.pipeline.start_ingester().unwrap();
            }
            1 => {
                assert!(process.terminate_and_wait(PATIENCE).unwrap().success());
                process = start();
            }
            _ => {
                process.kill9().unwrap();
                process = start();
            }
        }
        kills += 1;
    }
    let mut written = Vec::new();
    for writer in writers {
        written.push(writer.await.unwrap());
    }
    let bytes = paths.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    let stored = setup.pipeline.stored(bytes).await;
    let client = stored.unwrap_or_else(|error| panic!("{error:#}\n{}", process.log_tail()));
    // What is still on its way comes by now, and would be seen.
    let empty = || fs::read_dir(&storage).unwrap().next().is_none();
    let waited = eventually_true("all chunks to be delivered", PATIENCE, || async { Ok(empty()) });
    waited.await.unwrap_or_else(|error| panic!("{error:#}\n{}", process.log_tail()));
    assert!(process.terminate_and_wait(PATIENCE).unwrap().success(), "{}", process.log_tail());
    let said = fs::read_to_string(&log).unwrap();
    assert!(!said.contains("FAILED") && !said.contains("panicked"), "{said}");

    nothing_else(&client).await;
    for (path, written) in paths.iter().zip(&written) {
        let sql = "SELECT p.position, message FROM log.postgres p JOIN log.stream USING (stream) \
                   WHERE path = $1 ORDER BY p.position";
        let rows = client.query(sql, &[&path.display().to_string()]).await.unwrap();
        for (row, (position, message)) in rows.iter().zip(written) {
            let stored: (i64, String) = (row.get(0), row.get(1));
            assert_eq!(stored, (*position, message.clone()), "seed {seed}");
        }
        assert_eq!(rows.len(), written.len(), "seed {seed}: rows of {}", path.display());
    }
    println!("{kills} kills, {} records", written.iter().map(Vec::len).sum::<usize>());
}
