//! Whether storing costs the same in a table that is full, and of however many streams.

use anyhow::{Context, Result};
use serde_json::json;
use trunkline_harness::{Durability, Store};

use crate::copy;
use crate::pipeline;
use crate::report::{Report, progress};
use crate::versus::migrated;

const FULL_OVER_EMPTY: &str = "scale_rows_s_10m_over_empty";
const STREAMS_SPREAD: &str = "scale_rows_s_spread_1_10_1000_streams";

/// Rows of the table that is full.
const FULL: usize = 10_000_000;

/// One server's, a small fleet's, and a large one's.
const STREAMS: [usize; 3] = [1, 10, 1_000];

pub async fn run(report: &Report) -> Result<()> {
    if report.wants(&[STREAMS_SPREAD]) {
        streams(report).await?;
    }
    if report.wants(&[FULL_OVER_EMPTY]) {
        full(report).await?;
    }
    Ok(())
}

/// The same number of records out of 1, 10 and 1,000 files: each speed, and the slowest over the fastest.
async fn streams(report: &Report) -> Result<()> {
    progress("starting TimescaleDB");
    let store = Store::start(Durability::Durable).await?;
    let server =
        store.server().context("benchmarks need a private server: unset TRUNKLINE_DATABASE_URL")?;
    let directory = tempfile::tempdir()?;
    let mut logs = Vec::new();
    for files in STREAMS {
        let directory = directory.path().join(files.to_string());
        logs.push((pipeline::write_logs(&directory, report.rows, files)?, directory));
    }
    let (mut spreads, mut speeds) = (Vec::new(), [const { Vec::new() }; STREAMS.len()]);
    for round in 1..=report.repeat {
        let mut of_round = Vec::new();
        for (at, (logs, directory)) in logs.iter().enumerate() {
            progress(&format!("{} streams, round {round} of {}", STREAMS[at], report.repeat));
            let database = store.create_database().await?;
            let run = pipeline::run(server, &database, directory, logs, 2, "bench-0").await?;
            of_round.push(logs.rows as f64 / run.seconds);
            speeds[at].push(logs.rows as f64 / run.seconds);
        }
        let least = of_round.iter().copied().fold(f64::INFINITY, f64::min);
        spreads.push(least / of_round.iter().copied().fold(0.0, f64::max));
    }
    for (streams, speeds) in STREAMS.into_iter().zip(&speeds) {
        let name = format!("scale_rows_s_{streams}_streams");
        report.figure(&name, "rows/s", speeds, json!({"rows": report.rows}))?;
    }
    report.figure(STREAMS_SPREAD, "ratio", &spreads, json!({"rows": report.rows}))
}

/// The same records into an empty table and into one that has ten million rows of the same days, in turn.
async fn full(report: &Report) -> Result<()> {
    progress("starting TimescaleDB");
    let store = Store::start(Durability::Durable).await?;
    let server =
        store.server().context("benchmarks need a private server: unset TRUNKLINE_DATABASE_URL")?;
    let directory = tempfile::tempdir()?;
    let logs = pipeline::write_logs(directory.path(), report.rows, 8)?;
    let first = store.create_database().await?;
    pipeline::run(server, &first, directory.path(), &logs, 2, "bench-0").await?;
    let pieces = copy::export(server, &first.connect().await?).await?;
    let table = migrated(&store).await?;
    let mut rows = 0;
    while rows < FULL {
        progress(&format!("filling a table: {rows} of {FULL} rows"));
        copy::run(server, &table, &pieces, 2)?;
        rows += logs.rows;
    }
    let (mut ratios, mut speeds) = (Vec::new(), Vec::new());
    for round in 1..=report.repeat {
        progress(&format!("into a full table, round {round} of {}", report.repeat));
        let pod = format!("bench-{round}");
        let into_full = pipeline::run(server, &table, directory.path(), &logs, 2, &pod).await?;
        progress(&format!("into an empty table, round {round} of {}", report.repeat));
        let empty = store.create_database().await?;
        let into_empty = pipeline::run(server, &empty, directory.path(), &logs, 2, &pod).await?;
        ratios.push(into_empty.seconds / into_full.seconds);
        speeds.push(logs.rows as f64 / into_full.seconds);
    }
    let more = json!({"rows": logs.rows, "rows_before": rows});
    report.figure("scale_rows_s_10m", "rows/s", &speeds, more.clone())?;
    report.figure(FULL_OVER_EMPTY, "ratio", &ratios, more)
}
