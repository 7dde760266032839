//! Fluent Bit's output `trunkline`, by what the process of its host pays for it: from chunks in memory to the last ack.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use trunkline_harness::{Binary, Durability, HostCommand, IngesterConfig, Plugin, Process, Store};
use trunkline_record::event::write_events;
use trunkline_record::{
    ChunkBuilder, ChunkHeader, ChunkLimits, End, Format, LogSettings, Parser, Source, StreamId,
};

use crate::generate::Generator;
use crate::report::{Report, progress};

const RECORDS: &str = "fluent_bit_output_records_per_cpu_s";
const LINES: &str = "fluent_bit_output_lines_per_cpu_s";

pub async fn run(report: &Report) -> Result<()> {
    if !report.wants(&[RECORDS, LINES]) {
        return Ok(());
    }
    progress("starting TimescaleDB");
    let store = Store::start(Durability::FastAndLoose).await?;
    let directory = tempfile::tempdir().context("make a directory")?;
    progress(&format!("making events of {} records", report.rows));
    let mut generator = Generator::new(1, 100);
    let mut log = String::new();
    for _ in 0..report.rows {
        log.push_str(generator.next_record());
    }
    let (events, lines) = (directory.path().join("events"), directory.path().join("lines"));
    fs::write(&events, events_of(log.as_bytes())?).context("write events")?;
    fs::write(&lines, &log).context("write lines")?;
    for (name, option, file, format) in
        [(RECORDS, "--events", &events, None), (LINES, "--lines", &lines, Some("csvlog"))]
    {
        if !report.wants(&[name]) {
            continue;
        }
        let mut figures = Vec::new();
        let mut rss: u64 = 0;
        for round in 1..=report.repeat {
            progress(&format!("{name}, round {round} of {}", report.repeat));
            // Chunks that a store has are acknowledged sooner: each round has its own.
            let database = store.create_database().await?;
            let config = IngesterConfig::new(database.url())?;
            let work = directory.path().join(format!("{name}-{round}"));
            fs::create_dir(&work).context("make a directory")?;
            let mut ingester =
                Process::run(Binary::Ingester, &config.write(&work)?, &work.join("ingester.log"))?;
            let ready = config.http_url("/health/ready");
            ingester.until_ready(&ready, Duration::from_secs(60)).await?;
            let ran = run_host(&config.forward_address(), option, file, format)?;
            figures.push(ran.0);
            rss = rss.max(ran.1);
            ingester.terminate_and_wait(Duration::from_secs(30))?;
        }
        let more = json!({"host_rss_mib": rss >> 20, "records": report.rows});
        report.figure(name, "1/s", &figures, more)?;
    }
    Ok(())
}

/// Flushes a file; answers records for each second of CPU time, and the memory.
fn run_host(address: &str, option: &str, file: &Path, format: Option<&str>) -> Result<(f64, u64)> {
    let properties = [("address", address), ("pod", "bench-0")].into_iter();
    let properties = properties.chain(format.map(|format| ("format", format)));
    let host = HostCommand::new()?.plugin(Plugin::Output, properties)?;
    let host = host.args([option.as_ref(), file.as_os_str()]);
    let (report, log) = host
        .args(["--retry-limit", "no_limits", "--retry-pause", "0.2", "--workers", "1"])
        .run()?;
    ensure!(report.error == 0 && report.records > 0, "{report:?}\n{log}");
    Ok((report.records as f64 / report.cpu_seconds, report.peak_rss_bytes))
}

/// What the input hands over of a log.
fn events_of(log: &[u8]) -> Result<Vec<u8>> {
    let limits = ChunkLimits::default();
    let mut builder = ChunkBuilder::new(limits);
    let mut parser = Parser::new(Format::Csvlog, &LogSettings::default());
    let (mut at, mut events) = (0, Vec::new());
    while at < log.len() {
        builder.begin(at as u64);
        let rest = log.get(at..).unwrap_or_default();
        let consumed = parser.parse(rest, at as u64, End::Final, &mut builder);
        ensure!(consumed > 0, "the log isn't read to its end");
        let sealed = builder.finish((at + consumed) as u64)?;
        let header = ChunkHeader {
            stream: StreamId([1; 16]),
            from: sealed.from,
            to: sealed.to,
            acked: None,
            source: Source { cluster: Some("bench".to_owned()), ..Source::default() },
            path: Some("/log/postgresql.csv".to_owned()),
        };
        let entries = zstd::decode_all(&*sealed.entries).context("decompress")?;
        write_events(&header, &entries, &mut events)?;
        at += consumed;
    }
    Ok(events)
}
