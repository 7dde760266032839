//! JSON lines of several writers in one container's log.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::ops::ControlFlow;

use proptest::prelude::*;
use serde_json::{Value, json};
use trunkline_record::{
    End, Format, LogRecord, LogSettings, Parser, Reason, Rejected, Sink, ndjson,
};

/// Records as `parse` prints them, and what was rejected.
#[derive(Debug, Default, PartialEq)]
struct Found {
    records: Vec<Value>,
    rejected: Vec<(Vec<u8>, Reason)>,
    end: u64,
}

impl Sink for Found {
    fn record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        assert_eq!(position, self.end);
        self.end += len as u64;
        let mut line = Vec::new();
        ndjson::write_record(&mut line, position, record);
        self.records.push(serde_json::from_slice(&line).unwrap());
        ControlFlow::Continue(())
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        assert_eq!(rejected.position, self.end);
        self.end += rejected.raw.len() as u64;
        self.rejected.push((rejected.raw.to_vec(), rejected.reason));
        ControlFlow::Continue(())
    }
}

fn parse(format: Format, log: &[u8], step: usize) -> Found {
    let mut parser = Parser::new(format, &LogSettings::default());
    parser.assume_time(0);
    let (mut found, mut from, mut to) = (Found::default(), 0, 0);
    while to < log.len() {
        to = log.len().min(to + step);
        let end = if to == log.len() { End::Final } else { End::More };
        from += parser.parse(&log[from..to], from as u64, end, &mut found);
    }
    assert_eq!(found.end, log.len() as u64);
    found
}

/// What a pod of CloudNativePG, and one with Patroni and etcd, may have in its log.
const LINES: [(&str, &str, &str); 6] = [
    (
        r#"{"level":"info","ts":"2026-11-22T22:46:17.1Z","logger":"postgres","msg":"record","record":{"log_time":"2026-11-22 22:46:17.001 UTC","process_id":"9","error_severity":"LOG","sql_state_code":"00000","message":"by csvlog","query_id":"0"},"logging_pod":"p"}"#,
        "postgres",
        "by csvlog",
    ),
    (
        r#"{"timestamp":"2026-11-22 22:46:17.001 UTC","pid":9,"session_id":"1.9","line_num":1,"session_start":"2026-11-22 22:46:17 UTC","txid":0,"error_severity":"PANIC","message":"by jsonlog","backtrace":"\nmain+0x1","backend_type":"checkpointer","query_id":0}"#,
        "postgres",
        "by jsonlog",
    ),
    (
        r#"{"asctime": "2026-11-22 22:46:17,001", "levelname": "ERROR", "message": "get_cluster", "exc_info": "Traceback:\n  File \"x\""}"#,
        "patroni",
        "get_cluster\nTraceback:\n  File \"x\"",
    ),
    (
        r#"{"level":"warn","ts":"2026-11-22T22:46:17.001Z","caller":"etcdserver/util.go:123","msg":"apply took too long","took":"101ms"}"#,
        "component",
        "apply took too long",
    ),
    (
        r#"{"level":"info","ts":"2026-11-22T22:46:17.001Z","logger":"instance-manager","msg":"Starting","logging_pod":"p"}"#,
        "component",
        "Starting",
    ),
    (r#"{"msg":"no time"}"#, "component", "no time"),
];

#[test]
fn each_line_is_a_record_of_its_writer() {
    let log: String = LINES.iter().map(|(line, ..)| format!("{line}\n")).collect();
    let found = parse(Format::PatroniJson, log.as_bytes(), log.len());
    for (record, (_, table, message)) in found.records.iter().zip(LINES) {
        assert_eq!(record.get("table").map_or("postgres", |table| table.as_str().unwrap()), table);
        assert_eq!(record["message"], message);
    }
    assert_eq!(found.records.len(), LINES.len());
    assert_eq!(found.records[1]["extra"], json!({"backtrace": "\nmain+0x1"}));
    assert_eq!(
        found.records[3]["extra"],
        json!({"caller": "etcdserver/util.go:123", "took": "101ms"})
    );
    assert_eq!(parse(Format::PatroniJson, log.as_bytes(), 100), found);
}

proptest! {
    #[test]
    fn lines_in_any_order_and_pieces_are_the_same_records(
        order in proptest::collection::vec(0..LINES.len(), 1..20),
        step in 1usize..500,
    ) {
        let log: String = order.iter().map(|at| format!("{}\n", LINES[*at].0)).collect();
        let found = parse(Format::PatroniJson, log.as_bytes(), step);
        let messages: Vec<_> = found.records.iter().map(|record| record["message"].as_str().unwrap()).collect();
        let expected: Vec<_> = order.iter().map(|at| LINES[*at].2).collect();
        prop_assert_eq!(messages, expected);
        prop_assert!(found.rejected.is_empty());
    }

    #[test]
    fn any_bytes_are_accounted_for(
        bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(b'"'), Just(b'\\'), Just(b'\n'), Just(b'{'), Just(b'}')], 0..300,
        ),
        step in 1usize..64,
    ) {
        // `parse` checks that all bytes were handed over once, in order.
        let log = [b"{\"a\":\"", &bytes[..], b"\"}\n", LINES[2].0.as_bytes(), b"\n", &bytes].concat();
        let found = parse(Format::PatroniJson, &log, step);
        prop_assert!(found.records.len() + found.rejected.len() >= 1);
    }
}
