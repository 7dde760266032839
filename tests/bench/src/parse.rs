//! The parser alone, on a log in memory and one thread, beside readers that everyone knows.

use std::io::Write;
use std::ops::ControlFlow;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use trunkline_record::{
    ChunkBuilder, ChunkLimits, End, Format, LogRecord, LogSettings, Parser, Rejected, Sink,
};

use crate::generate::Generator;
use crate::report::{Report, progress};

/// Reads a log and says how many records it found.
type Way = fn(&[u8]) -> Result<usize>;

/// A figure, the format of the log it is about, and how that is read.
const FIGURES: [(&str, Format, Way); 7] = [
    ("parse_csvlog_mb_s", Format::Csvlog, |log| count(Format::Csvlog, log)),
    ("parse_jsonlog_mb_s", Format::Jsonlog, |log| count(Format::Jsonlog, log)),
    ("parse_stderr_mb_s", Format::Stderr, |log| count(Format::Stderr, log)),
    ("parse_cri_mb_s", Format::Cri, |log| count(Format::Cri, log)),
    ("parse_csv_crate_mb_s", Format::Csvlog, csv_crate),
    ("parse_python_csv_mb_s", Format::Csvlog, python),
    ("encode_csvlog_mb_s", Format::Csvlog, encode),
];

/// Counts what it is given.
#[derive(Default)]
struct Count {
    records: usize,
    rejected: usize,
}

impl Sink for Count {
    fn record(&mut self, _: u64, _: usize, _: &LogRecord<'_>) -> ControlFlow<()> {
        self.records += 1;
        ControlFlow::Continue(())
    }

    fn rejected(&mut self, _: Rejected<'_>) -> ControlFlow<()> {
        self.rejected += 1;
        ControlFlow::Continue(())
    }
}

pub fn run(report: &Report) -> Result<()> {
    if !report.wants(&FIGURES.map(|(name, ..)| name)) {
        return Ok(());
    }
    progress(&format!("parsing {} records in memory", report.rows));
    let mut generator = Generator::new(1, 100);
    let mut csvlog = Vec::new();
    for _ in 0..report.rows {
        csvlog.extend_from_slice(generator.next_record().as_bytes());
    }
    let jsonlog = crate::jsonlog::from_csvlog(&csvlog)?;
    let stderr = crate::stderr::from_csvlog(&csvlog)?;
    let cri = crate::stderr::in_container(&stderr);
    let log = |format| match format {
        Format::Jsonlog => &jsonlog,
        Format::Stderr => &stderr,
        Format::Cri => &cri,
        _ => &csvlog,
    };
    let mut speeds: [Vec<f64>; FIGURES.len()] = Default::default();
    for _ in 0..report.repeat {
        for ((figure, format, way), speeds) in FIGURES.iter().zip(&mut speeds) {
            let log = log(*format);
            let start = Instant::now();
            let records = way(log)?;
            speeds.push(log.len() as f64 / 1e6 / start.elapsed().as_secs_f64());
            ensure!(records == report.rows, "{figure}: {records} records of {}", report.rows);
        }
    }
    for ((name, format, _), speeds) in FIGURES.iter().zip(&speeds) {
        let more = json!({"records": report.rows, "bytes": log(*format).len()});
        report.figure(name, "MB/s", speeds, more)?;
    }
    Ok(())
}

fn count(format: Format, log: &[u8]) -> Result<usize> {
    let mut count = Count::default();
    Parser::new(format, &LogSettings::default()).parse(log, 0, End::Final, &mut count);
    ensure!(count.rejected == 0, "{} records rejected", count.rejected);
    Ok(count.records)
}

/// Parsed, packed into forward chunks and compressed: all of the collector's work but reading and sending.
fn encode(log: &[u8]) -> Result<usize> {
    let mut parser = Parser::new(Format::Csvlog, &LogSettings::default());
    let mut builder = ChunkBuilder::new(ChunkLimits::default());
    let (mut at, mut records) = (0, 0);
    while at < log.len() {
        at += parser.parse(&log[at..], at as u64, End::Final, &mut builder);
        records += builder.finish(at as u64)?.records as usize;
    }
    Ok(records)
}

fn csv_crate(log: &[u8]) -> Result<usize> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(log);
    let (mut record, mut count) = (csv::ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record)? {
        count += 1;
    }
    Ok(count)
}

/// Python's csv module, started anew and given the log by a pipe; its start is part of the time.
fn python(log: &[u8]) -> Result<usize> {
    const SCRIPT: &str = "import csv,io,sys\n\
        log = io.TextIOWrapper(sys.stdin.buffer, encoding='utf-8', errors='surrogateescape', newline='')\n\
        print(sum(1 for _ in csv.reader(log, strict=True)))";
    let mut child = Command::new("python3")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("run python3 for a comparison")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(log).context("give python3 the log")?;
    }
    let output = child.wait_with_output().context("wait for python3")?;
    String::from_utf8_lossy(&output.stdout).trim().parse().context("python3's count")
}
