//! The spool with the real services: files that are rotated away while nothing takes their records, and a collector that is killed on top.

use std::fs;

use serde_json::Value;
use trunkline_harness::Store;
use trunkline_harness::wait::eventually_true;
use trunkline_it::{PATIENCE, Pipeline, csvlog_record};

const RECORDS: u32 = 4_000;
const FILES: u32 = 3;

/// Records that don't get much smaller by compression.
fn log(file: u32) -> String {
    let noise = || format!("{:032x}", rand::random::<u128>());
    let record = |n| csvlog_record(n, "LOG", &format!("{file} {n} {}{}", noise(), noise()));
    (0..RECORDS).map(record).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rotated_away_before_the_ingester_is_back_is_stored_once() {
    let database = Store::database().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let glob = directory.path().join("*.csv").display().to_string();
    let mut pipeline = Pipeline::new(database.url(), |config| {
        config
            .files(&glob, "csvlog")
            .set("ship.window", "64KiB")
            .set("chunk.bytes", "16KiB")
            .set("spool.max_size", "256MiB")
            .set("spool.after", "100ms")
    })
    .unwrap();
    // Schema and all are there, and then nobody is.
    pipeline.start().unwrap();
    fs::write(directory.path().join("first.csv"), csvlog_record(1, "LOG", "first")).unwrap();
    pipeline.stored(1).await.unwrap();
    pipeline.ingester.take().unwrap().kill9().unwrap();

    let mut bytes = 0;
    for file in 0..FILES {
        let (path, log) = (directory.path().join(format!("{file}.csv")), log(file));
        bytes += log.len() as u64;
        fs::write(&path, log).unwrap();
        eventually_true("the file to be in the spool", PATIENCE, || async {
            let page = reqwest::get(pipeline.collector_url("/metrics")).await?.text().await?;
            let number = |name: &str| {
                let line = page.lines().find_map(|line| line.strip_prefix(name));
                line.map_or(0, |number| number.trim().parse::<u64>().unwrap())
            };
            let status: Value =
                reqwest::get(pipeline.collector_url("/status")).await?.json().await?;
            let read: u64 = status["streams"]
                .as_array()
                .map(|streams| streams.iter().filter_map(|one| one["position"].as_u64()).sum())
                .unwrap_or_default();
            // All but the first record's, which was stored before.
            let closed = number("trunkline_collector_chunks_total ") - 1;
            Ok(read > bytes && number("trunkline_collector_spooled_chunks_total ") == closed)
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
        fs::remove_file(path).unwrap();
    }
    pipeline.collector.take().unwrap().kill9().unwrap();

    pipeline.start_ingester().unwrap();
    pipeline.start_collector().unwrap();
    let sql = pipeline.connect().await.unwrap();
    let query = "SELECT count(*), count(DISTINCT (stream, position)), count(DISTINCT message), \
                 count(*) FILTER (WHERE number <> (row_number - 1)::text) FROM \
                 (SELECT stream, position, message, split_part(message, ' ', 2) AS number, \
                 row_number() OVER (PARTITION BY stream ORDER BY position) FROM log.postgres) AS r";
    let expected = i64::from(RECORDS * FILES) + 1;
    eventually_true("all rows", PATIENCE, || async {
        Ok(sql.query_one(query, &[]).await?.get::<_, i64>(0) >= expected)
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    let row = sql.query_one(query, &[]).await.unwrap();
    let counts: Vec<i64> = (0..4).map(|column| row.get(column)).collect();
    // "first" has no number.
    assert_eq!(counts, [expected, expected, expected, 1], "rows, places, messages, out of order");
    let none = sql.query_one("SELECT count(*) FROM log.rejected", &[]).await.unwrap();
    assert_eq!(none.get::<_, i64>(0), 0);
    let gaps = sql.query_one("SELECT coalesce(sum(gaps), 0)::bigint FROM log.stream", &[]).await;
    assert_eq!(gaps.unwrap().get::<_, i64>(0), 0);
}
