//! The database is away or has no room, and records keep coming: both services stay small, and all of it arrives afterwards.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use trunkline_harness::wait::eventually_true;
use trunkline_harness::{Durability, PostgresServer, StopMode, database};
use trunkline_it::{PATIENCE, Pipeline, csvlog_record};

/// Ten minutes in the long mode.
const AWAY: Duration = Duration::from_secs(20);
const RECORDS_PER_SECOND: u32 = 20_000;
const INGESTER_MEMORY: u64 = 256 << 20;
const COLLECTOR_MEMORY: u64 = 48 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_memory_is_bounded_and_all_arrives_afterwards() {
    let long = std::env::var_os("TRUNKLINE_LONG").is_some();
    let away = if long { Duration::from_secs(600) } else { AWAY };
    let mut store = PostgresServer::store(Durability::FastAndLoose).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.csv");
    let glob = path.display().to_string();
    let mut pipeline =
        Pipeline::new(&store.url("postgres"), |config| config.files(&glob, "csvlog")).unwrap();
    pipeline.start().unwrap();
    pipeline.ready().await.unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let stop = Arc::clone(&stop);
        tokio::task::spawn_blocking(move || write(&path, &stop))
    };
    let stored = "SELECT count(*) FROM log.postgres";
    eventually_true("the first rows", PATIENCE, || async {
        let client = pipeline.connect().await?;
        Ok(client.query_one(stored, &[]).await?.get::<_, i64>(0) > 0)
    })
    .await
    .unwrap();
    store.stop(StopMode::Fast).unwrap();
    tokio::time::sleep(away).await;
    store.start_again().unwrap();
    stop.store(true, Ordering::Relaxed);
    let (records, bytes) = writer.await.unwrap();
    println!("{records} records, {} MiB", bytes >> 20);
    assert!(records > u64::from(RECORDS_PER_SECOND) * away.as_secs() * 9 / 10, "{records}");

    let since = Instant::now();
    // An outage takes no longer to catch up with than it lasted, and a debug build on a busy machine some times that.
    eventually_true("all bytes to be stored", PATIENCE + 4 * away, || async {
        let client = pipeline.connect().await?;
        let sum = "SELECT coalesce(sum(position), 0)::bigint FROM log.stream";
        let stored: i64 = client.query_one(sum, &[]).await?.get(0);
        anyhow::ensure!(stored.cast_unsigned() == bytes, "{stored} bytes of {bytes} are");
        Ok(true)
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    println!("caught up in {:?}", since.elapsed());
    let client = pipeline.connect().await.unwrap();
    let sql = "SELECT count(*), count(DISTINCT position), count(*) FILTER (WHERE message = 'record ' || number) \
               FROM (SELECT message, position, row_number() OVER (ORDER BY position) AS number FROM log.postgres) AS p";
    let row = client.query_one(sql, &[]).await.unwrap();
    for (column, what) in ["rows", "positions", "rows in their order"].iter().enumerate() {
        assert_eq!(row.get::<_, i64>(column).cast_unsigned(), records, "{what}");
    }
    for (process, limit) in
        [(&pipeline.ingester, INGESTER_MEMORY), (&pipeline.collector, COLLECTOR_MEMORY)]
    {
        let most = process.as_ref().unwrap().peak_rss_bytes().unwrap();
        println!("{} MiB of {} MiB", most >> 20, limit >> 20);
        assert!(most < limit, "{most} bytes, more than {limit}\n{}", pipeline.logs());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_before_there_is_a_schema_is_waited_for() {
    let store = PostgresServer::store(Durability::FastAndLoose).unwrap();
    let disk = store.small_disk(256).unwrap();
    let client = database::connect(&store.url("postgres")).await.unwrap();
    let tablespace = format!("CREATE TABLESPACE small LOCATION '{}'", disk.inside().display());
    client.batch_execute(&tablespace).await.unwrap();
    client.batch_execute("CREATE DATABASE logs TEMPLATE template0 TABLESPACE small").await.unwrap();
    // Enough to begin.
    disk.fill(1024).unwrap();

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.csv");
    let log = csvlog_record(1, "LOG", "in the end");
    std::fs::write(&path, &log).unwrap();
    let glob = path.display().to_string();
    let mut pipeline =
        Pipeline::new(&store.url("logs"), |config| config.files(&glob, "csvlog")).unwrap();
    pipeline.start().unwrap();
    // A session in which TimescaleDB's extension couldn't be made refuses to make it: the second attempt is the one that counts.
    eventually_true("two attempts", PATIENCE, || async {
        Ok(pipeline.logs().matches("No space left on device").count() >= 2)
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    disk.make_room().unwrap();
    pipeline.stored(log.len() as u64).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_is_kept_free_by_removing_what_is_oldest() {
    const WANTED: u64 = 24 << 20;
    let store = PostgresServer::store(Durability::FastAndLoose).unwrap();
    let disk = store.small_disk(512).unwrap();
    let client = database::connect(&store.url("postgres")).await.unwrap();
    let tablespace = format!("CREATE TABLESPACE small LOCATION '{}'", disk.inside().display());
    client.batch_execute(&tablespace).await.unwrap();
    client.batch_execute("CREATE DATABASE logs TEMPLATE template0 TABLESPACE small").await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.csv");
    let glob = path.display().to_string();
    let long = "what takes room ".repeat(60);
    let day = |day: u32| -> String {
        let record = |second| csvlog_record(second, "LOG", &long);
        let records: String = (0..4_000).map(record).collect();
        records.replace("2026-11-22 ", &format!("2026-11-{day:02} "))
    };
    let log: String = (10..20).map(day).collect();
    std::fs::write(&path, &log).unwrap();
    let mut pipeline = Pipeline::new(&store.url("logs"), |config| config.files(&glob, "csvlog"))
        .unwrap()
        .ingester_setting("retention.min_free", format!("{}MiB", WANTED >> 20));
    pipeline.start().unwrap();
    let client = pipeline.stored(log.len() as u64).await.unwrap();
    let removed = "SELECT count(*), coalesce(max(range_end) FILTER (WHERE relation = 'log.postgres'), '-infinity') < \
                   (SELECT min(range_end) FROM log.chunk_status WHERE hypertable = 'log.postgres'::regclass), \
                   coalesce(sum(bytes), 0)::bigint, coalesce(bool_and(reason = 'disk' AND error IS NULL), true) FROM log.removed";
    let row = client.query_one(removed, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0, "there was room");
    let largest = client
        .query_one("SELECT max(total_bytes) FROM log.chunk_status", &[])
        .await
        .unwrap()
        .get::<_, i64>(0)
        .cast_unsigned();

    // Whoever begins to lead looks at the disk at once.
    pipeline.ingester = None;
    disk.fill(4 << 10).unwrap();
    assert!(disk.free_bytes().unwrap() < WANTED);
    pipeline.start_ingester().unwrap();
    eventually_true("room", PATIENCE, || async { Ok(disk.free_bytes()? >= WANTED) })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    let row = client.query_one(removed, &[]).await.unwrap();
    let (count, is_oldest, bytes) =
        (row.get::<_, i64>(0), row.get::<_, bool>(1), row.get::<_, i64>(2));
    assert!(is_oldest && row.get::<_, bool>(3), "{count}");
    // No more than it took: what was missing, and one hypertable chunk.
    assert!(bytes.cast_unsigned() <= WANTED + largest, "{count} of {bytes} bytes");
    let left: i64 = client
        .query_one("SELECT count(*) FROM log.postgres WHERE log_time >= '2026-11-19'", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(left, 4_000, "of the newest day");
    // And it goes on.
    let more = day(20);
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(more.as_bytes()).unwrap();
    pipeline.stored((log.len() + more.len()) as u64).await.unwrap();
}

/// Writes so many records a second until told to stop; answers how many records and bytes those were.
fn write(path: &Path, stop: &AtomicBool) -> (u64, u64) {
    let mut file = File::create_new(path).unwrap();
    let (mut records, mut bytes) = (0, 0);
    let began = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_secs_f64() * f64::from(RECORDS_PER_SECOND)) as u64;
        let mut text = String::new();
        while records < due {
            records += 1;
            let second = (records % 86_400) as u32;
            text += &csvlog_record(second, "LOG", &format!("record {records}"));
        }
        file.write_all(text.as_bytes()).unwrap();
        bytes += text.len() as u64;
        std::thread::sleep(Duration::from_millis(20));
    }
    (records, bytes)
}
