//! Nothing lost, nothing twice: a real server under load writes its csvlog while everything behind it is killed again and again.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use trunkline_harness::csv_truth::{self, TrueRecord};
use trunkline_harness::load::{self, Extent, OddStatements};
use trunkline_harness::{Durability, PostgresServer, Process, StopMode};
use trunkline_it::Pipeline;

const KILLS: u32 = 24;
/// After these kills the database is restarted too, each time in another way.
const RESTARTS: [(u32, StopMode); 2] = [(8, StopMode::Immediate), (16, StopMode::Fast)];
/// About 2,000 records a second.
const TRANSACTIONS_PER_SECOND: u32 = 150;
const LARGE_STATEMENT: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_under_load_while_everything_is_killed_loses_and_doubles_nothing() {
    let seed = std::env::var("TRUNKLINE_SEED")
        .map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("seed: run again with TRUNKLINE_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);

    let mut source = PostgresServer::source(&[
        ("log_statement", "all"),
        ("log_min_duration_statement", "0"),
        ("log_connections", "on"),
        ("log_disconnections", "on"),
        ("log_rotation_size", "1MB"),
        ("log_min_messages", "debug1"),
    ])
    .unwrap();
    let mut store = PostgresServer::store(Durability::FastAndLoose).unwrap();
    let glob = source.csvlog_glob();
    let mut pipeline =
        Pipeline::new(&store.url("postgres"), |config| config.files(&glob, "csvlog")).unwrap();
    pipeline.start().unwrap();

    load::pgbench_init(&source, "postgres", 1).unwrap();
    let mut pgbench = load::pgbench_command(&source, "postgres", 2, Extent::Seconds(600)).unwrap();
    pgbench.arg(format!("--rate={TRANSACTIONS_PER_SECOND}"));
    let mut pgbench = Process::spawn(&pgbench, &pipeline.directory().join("pgbench.log")).unwrap();
    let url = source.url("postgres");
    let odd = tokio::spawn(async move {
        let mut statements = OddStatements::new(seed);
        let large = statements.large(LARGE_STATEMENT);
        let mut statements: Vec<_> = statements.take(400).collect();
        statements.insert(100, large);
        for odd in statements {
            load::send(&url, [odd]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });

    for kill in 1..=KILLS {
        tokio::time::sleep(Duration::from_millis(random.random_range(50..900))).await;
        if random.random_bool(0.5) {
            pipeline.collector.take().unwrap().kill9().unwrap();
            tokio::time::sleep(Duration::from_millis(random.random_range(0..200))).await;
            pipeline.start_collector().unwrap();
        } else {
            pipeline.ingester.take().unwrap().kill9().unwrap();
            tokio::time::sleep(Duration::from_millis(random.random_range(0..200))).await;
            pipeline.start_ingester().unwrap();
        }
        if let Some((_, mode)) = RESTARTS.iter().find(|(after, _)| *after == kill) {
            store.restart(*mode).unwrap();
        }
    }
    odd.await.unwrap();
    pgbench.kill9().unwrap();
    source.stop(StopMode::Fast).unwrap();

    let files: HashMap<PathBuf, Vec<TrueRecord>> = std::fs::read_dir(source.log_dir())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
        .map(|path| (path.clone(), csv_truth::read_file(&path).unwrap()))
        .collect();
    let bytes = files.keys().map(|path| path.metadata().unwrap().len()).sum();
    let records: usize = files.values().map(Vec::len).sum();
    println!("{KILLS} kills; {} files, {records} records, {bytes} bytes", files.len());
    assert!(files.len() >= 4, "the log was not rotated often enough: {} files", files.len());

    let since = Instant::now();
    let client = pipeline.stored(bytes).await.unwrap();
    println!("caught up in {:?}", since.elapsed());
    let count: i64 =
        client.query_one("SELECT count(*) FROM log.postgres", &[]).await.unwrap().get(0);
    assert_eq!(usize::try_from(count).unwrap(), records, "rows, and records in the files");
    let twice = "SELECT count(*) - count(DISTINCT (stream, position)) FROM log.postgres";
    assert_eq!(client.query_one(twice, &[]).await.unwrap().get::<_, i64>(0), 0, "doubled");
    let rejected = client.query("SELECT reason, raw FROM log.rejected", &[]).await.unwrap();
    assert!(rejected.is_empty(), "{rejected:?}");
    let gaps: i64 =
        client.query_one("SELECT sum(gaps)::bigint FROM log.stream", &[]).await.unwrap().get(0);
    assert_eq!(gaps, 0, "gaps");

    let mut largest = 0;
    for (path, truth) in &files {
        let path = path.display().to_string();
        let sql = "SELECT p.position, message, detail, query, hint, context FROM log.postgres p \
                   JOIN log.stream USING (stream) WHERE path = $1 ORDER BY p.position";
        let rows = client.query(sql, &[&path]).await.unwrap();
        assert_eq!(rows.len(), truth.len(), "{path}");
        for (row, record) in rows.iter().zip(truth) {
            assert_eq!(row.get::<_, i64>(0).cast_unsigned(), record.position, "{path}");
            for (place, column) in
                ["message", "detail", "query", "hint", "context"].iter().enumerate()
            {
                let stored: Option<&str> = row.get(place + 1);
                largest = largest.max(stored.map_or(0, str::len));
                assert!(
                    csv_truth::same_text(stored, record.field(column)),
                    "{path} at {}: {column} is {stored:?}",
                    record.position
                );
            }
        }
    }
    assert!(largest > LARGE_STATEMENT, "the large statement is missing: {largest} bytes at most");
}
