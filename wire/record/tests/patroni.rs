//! Patroni's log as text, whole files of a real one and records written by chance, in any pieces.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use proptest::prelude::*;
use trunkline_record::{
    Column, End, Format, LogRecord, LogSettings, Parser, PatroniFormat, Rejected, Severity, Sink,
    Table,
};

#[path = "support/corpus.rs"]
mod corpus;

#[derive(Debug, Default, PartialEq)]
struct Found {
    records: Vec<Record>,
    /// Up to where all bytes were handed over.
    end: u64,
}

#[derive(Debug, PartialEq)]
struct Record {
    time: i64,
    severity: Option<Severity>,
    message: Vec<u8>,
    logger: Option<Vec<u8>>,
    thread: Option<Vec<u8>>,
}

impl Sink for Found {
    fn record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        assert_eq!((record.table, position), (Table::Patroni, self.end));
        self.end += len as u64;
        let text = |column| record.text(column).map(<[u8]>::to_vec);
        self.records.push(Record {
            time: record.log_time.unix_micros,
            severity: record.error_severity,
            message: text(Column::Message).unwrap(),
            logger: text(Column::Logger),
            thread: text(Column::Thread),
        });
        ControlFlow::Continue(())
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        panic!("rejected {:?}", rejected.raw.escape_ascii().to_string());
    }
}

fn parse(format: Format, settings: &LogSettings, log: &[u8], step: usize) -> Found {
    let mut parser = Parser::new(format, settings);
    let (mut found, mut from, mut to) = (Found::default(), 0, 0);
    while to < log.len() {
        to = log.len().min(to + step);
        let end = if to == log.len() { End::Final } else { End::More };
        from += parser.parse(&log[from..to], from as u64, end, &mut found);
        assert_eq!(from as u64, found.end);
    }
    assert_eq!(found.end, log.len() as u64);
    found
}

/// What the corpus says of a file that Patroni wrote.
#[track_caller]
fn check(file: &corpus::Fixture, format: Format, settings: &LogSettings) -> Found {
    let (log, expected) = (file.bytes(), &file.expected);
    let found = parse(format, settings, &log, log.len());
    assert_eq!(parse(format, settings, &log, 1000), found, "{} in pieces", file.path);
    assert_eq!(found.records.len() as u64, expected["records"].as_u64().unwrap(), "{}", file.path);
    let mut levels = BTreeMap::<&str, u64>::new();
    for record in &found.records {
        *levels.entry(record.severity.unwrap().as_str()).or_default() += 1;
    }
    assert_eq!(serde_json::to_value(levels).unwrap(), expected["by_severity"], "{}", file.path);
    let multiline = found.records.iter().filter(|record| record.message.contains(&b'\n')).count();
    assert_eq!(multiline as u64, expected["multiline_records"].as_u64().unwrap(), "{}", file.path);
    found
}

fn settings(format: &str, dateformat: &str) -> LogSettings {
    let format = PatroniFormat::new(format, Some(dateformat)).unwrap();
    LogSettings { patroni_format: Some(format), ..LogSettings::default() }
}

#[test]
fn logs_of_real_patronis_are_read_whole() {
    for file in corpus::files(&["patroni-text"]) {
        check(&file, Format::Patroni, &LogSettings::default());
    }
    for file in corpus::files(&["patroni-json"]) {
        check(&file, Format::PatroniJson, &LogSettings::default());
    }
}

#[test]
fn a_configured_format_says_more_of_the_same_records() {
    let format = "%(asctime)s %(levelname)s [%(name)s] {%(threadName)s} %(message)s";
    let settings = settings(format, "%Y-%m-%dT%H:%M:%S%z");
    let files = corpus::files(&["patroni-text"]);
    let file = files.iter().find(|file| file.path.contains("pg-ord-2")).unwrap();
    let usual = check(file, Format::Patroni, &LogSettings::default());
    let own = check(file, Format::Patroni, &settings);
    for (usual, own) in usual.records.iter().zip(&own.records) {
        let (logger, thread) = (own.logger.as_ref().unwrap(), own.thread.as_ref().unwrap());
        let head = [b"[", &logger[..], b"] {", thread, b"} "].concat();
        assert_eq!(usual.message.strip_prefix(&head[..]), Some(&own.message[..]));
        assert_eq!(usual.time, own.time);
    }
    let has_trace = |record: &&Record| record.message.starts_with(b"get_cluster\n");
    let traceback = own.records.iter().find(has_trace).unwrap();
    let lines: Vec<_> = traceback.message.split(|byte| *byte == b'\n').collect();
    assert_eq!(lines[1], b"Traceback (most recent call last):");
    assert_eq!(
        lines.last(),
        Some(&&b"patroni.utils.RetryFailedError: Exceeded retry deadline"[..])
    );
}

proptest! {
    #[test]
    fn messages_of_several_lines_come_back_in_any_pieces(
        // A line that looks like a start would be one.
        messages in proptest::collection::vec("[^0-9\n]{0,20}(\n[^0-9\n]{0,20}){0,4}", 1..8),
        own: bool,
        step in 1usize..100,
    ) {
        let mut log = String::new();
        for message in &messages {
            log += if own { "22/Nov/2026 22:46:17 +0000|ERROR   |" } else { "2026-11-22 22:46:17,000 ERROR: " };
            log = log + message + "\n";
        }
        let settings = if own {
            settings("%(asctime)s|%(levelname)-8s|%(message)s", "%d/%b/%Y %H:%M:%S %z")
        } else {
            LogSettings::default()
        };
        let found = parse(Format::Patroni, &settings, log.as_bytes(), step);
        let read: Vec<_> =
            found.records.iter().map(|record| std::str::from_utf8(&record.message).unwrap()).collect();
        prop_assert_eq!(read, messages);
        for record in &found.records {
            prop_assert_eq!((record.time, record.severity), (1_795_387_577_000_000, Some(Severity::Error)));
        }
    }
}
