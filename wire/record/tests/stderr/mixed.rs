//! Containers' logs and Patroni's: lines of several programs, each made a record of its own kind.

use std::fmt::Write as _;

use proptest::prelude::*;
use trunkline_record::{Column, End, Format, Severity, Table};

use super::support::{Arrival, Found};

const CSVLOG: &str = "2026-11-22 22:46:03.800 UTC,\"web\",\"shop\",7,\"[local]\",6b.7,1,\"idle\",2026-11-22 22:36:24 UTC,,0,LOG,00000,\"csv\nlog\",,,,,,,,,\"\",\"client backend\",,0\n";
const JSONLOG: &str = "{\"timestamp\":\"2026-11-22 22:46:04.800 UTC\",\"pid\":8,\"error_severity\":\"LOG\",\"message\":\"json\"}\n";
const SERVER: &str = "2026-11-22 22:46:01.123 UTC [1] web@shop ERROR:  server\n\tlog\n2026-11-22 22:46:01.123 UTC [1] web@shop DETAIL:  d\n";
const PATRONI: &str = "2026-11-22 22:46:02,001 ERROR: patroni\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b.py\"\na.b.C\n";
const PLAIN: &str = "/run/postgresql:5432 - accepting connections\n";

/// What a container writes, as a node keeps it: each line in a CRI line of its own.
fn container(log: &str) -> String {
    let mut out = String::new();
    for line in log.split_inclusive('\n') {
        let _ = writeln!(
            out,
            "2026-11-22T22:46:09.000000001Z stdout F {}",
            line.trim_end_matches('\n')
        );
    }
    out
}

fn parse(format: Format, log: &str, step: usize) -> Found {
    Arrival { format, ..Arrival::whole(None) }.in_pieces(step).parse(log.as_bytes())
}

fn seen(found: &Found) -> Vec<(Table, String)> {
    found.records.iter().map(|record| (record.table, record.message())).collect()
}

/// The lines of a kind, and what they should come out as.
fn kind(kind: usize) -> (&'static str, Vec<(Table, &'static str)>) {
    let patroni = PATRONI.split_once(": ").map_or("", |(_, message)| message).trim_end();
    match kind {
        0 => (CSVLOG, vec![(Table::Postgres, "csv\nlog")]),
        1 => (JSONLOG, vec![(Table::Postgres, "json")]),
        2 => (SERVER, vec![(Table::Postgres, "server\nlog")]),
        3 => (PATRONI, vec![(Table::Patroni, patroni)]),
        4 => (PLAIN, vec![(Table::Component, PLAIN.trim_end())]),
        // Neither empty lines nor braces make a record of what stands around them.
        _ => ("\n{broken\n", vec![(Table::Component, ""), (Table::Component, "{broken")]),
    }
}

proptest! {
    #[test]
    fn kinds_of_lines_come_in_any_order(
        kinds in proptest::collection::vec(0usize..6, 1..12),
        step in 1usize..400,
    ) {
        let log: String = kinds.iter().map(|at| kind(*at).0).collect();
        let expected: Vec<_> = kinds
            .iter()
            .flat_map(|at| kind(*at).1)
            .map(|(table, message)| (table, message.to_owned()))
            .collect();
        let container = container(&log);
        let found = parse(Format::Cri, &container, step);
        prop_assert_eq!(&found.rejected, &[]);
        prop_assert_eq!(seen(&found), expected);
        prop_assert_eq!(found.next, container.len() as u64);
    }
}

#[test]
fn a_components_line_in_a_container_is_of_the_time_that_the_runtime_saw() {
    let found = parse(Format::Cri, &container(&format!("{SERVER}{PLAIN}")), usize::MAX);
    let times: Vec<_> =
        found.records.iter().map(|record| record.text(Column::LogTime).unwrap()).collect();
    assert_eq!(times, ["1795387561123000", "1795387569000000"]);
}

#[test]
fn in_patronis_own_log_every_line_continues_a_record() {
    let log = format!(
        "begins in the middle\n{PATRONI}plain\n\n{SERVER}2026-11-22 22:46:03,001 INFO: next\n"
    );
    let found = parse(Format::Patroni, &log, 50);
    let messages = found.messages();
    assert_eq!(messages.len(), 3);
    assert!(messages[1].ends_with(SERVER.trim_end()));
    assert_eq!(messages[2], "next");
    assert_eq!(found.records[1].severity, Some(Severity::Error));
    assert_eq!(
        (found.records[0].table, found.records[1].table),
        (Table::Component, Table::Patroni)
    );
}

#[test]
fn patronis_json_has_an_object_a_line() {
    let object =
        "{\"asctime\": \"2026-11-22 22:46:17,001\", \"levelname\": \"INFO\", \"message\": \"m\"}\n";
    let log = format!("plain\n{object}{{broken\n{object}");
    let found = parse(Format::PatroniJson, &log, 10);
    assert_eq!(found.messages(), ["plain", "m", "{broken", "m"]);
    let time = found.records[1].text(Column::LogTime);
    assert!(found.records.iter().all(|record| record.text(Column::LogTime) == time));
    assert_eq!(found.records[1].table, Table::Patroni);
}

#[test]
fn an_empty_line_behind_a_traceback_isnt_its() {
    let traceback =
        "2026-11-22 22:46:02,001 ERROR: p\nTraceback (most recent call last):\n  File\nKeyError\n";
    let log = container(&format!("{traceback}\n{PLAIN}"));
    for step in [1, 60, log.len()] {
        let found = parse(Format::Cri, &log, step);
        let tables: Vec<_> = found.records.iter().map(|record| record.table).collect();
        assert_eq!(tables, [Table::Patroni, Table::Component, Table::Component]);
        assert_eq!(found.records[1].message(), "");
    }
    let paused = Arrival { format: Format::Cri, ..Arrival::whole(None) }.ending(End::Pause);
    assert_eq!(paused.parse(log.as_bytes()).next, log.len() as u64);
}
