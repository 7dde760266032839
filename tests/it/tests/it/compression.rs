//! Forward chunks of the real collector that are compressed, and that aren't, at the real ingester.

use std::fs;

use trunkline_harness::Store;
use trunkline_it::{Pipeline, csvlog_record};

const RECORDS: u32 = 6_000;

/// What arrived, in order, and how many bytes that were on the wire.
async fn run(compression: &str, log: &str) -> (Vec<String>, u64) {
    let database = Store::database().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.csv");
    fs::write(&path, log).unwrap();
    let mut pipeline = Pipeline::new(database.url(), |config| {
        config
            .files(&path.display().to_string(), "csvlog")
            .set("ship.compression", compression)
            .set("ship.window", "1MiB")
    })
    .unwrap();
    pipeline.start().unwrap();
    let sql = pipeline.stored(log.len() as u64).await.unwrap();
    let rows = sql.query("SELECT message FROM log.postgres ORDER BY position", &[]).await.unwrap();
    let page =
        reqwest::get(pipeline.collector_url("/metrics")).await.unwrap().text().await.unwrap();
    let shipped = page
        .lines()
        .find_map(|line| line.strip_prefix("trunkline_collector_shipped_bytes_total "))
        .and_then(|number| number.trim().parse().ok())
        .unwrap();
    (rows.iter().map(|row| row.get(0)).collect(), shipped)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_arrives_compressed_and_as_it_is() {
    let text = |n: u32| match n {
        // Longer than a forward chunk, and than a read.
        3_000 => format!("{n} {}", "long, \u{e9} \n".repeat(100_000)),
        n => format!("{n} of the messages"),
    };
    let messages: Vec<_> = (0..RECORDS).map(text).collect();
    let record = |(n, message): (usize, &String)| csvlog_record(n as u32, "LOG", message);
    let log: String = messages.iter().enumerate().map(record).collect();
    for (compression, is_small) in [("zstd", true), ("none", false), ("auto", false)] {
        let (arrived, shipped) = run(compression, &log).await;
        assert!(arrived == messages, "{compression}: {} rows", arrived.len());
        let content: usize = messages.iter().map(String::len).sum();
        assert_eq!(shipped < content as u64 / 2, is_small, "{compression}: {shipped} of {content}");
    }
}
