//! Logs of real servers: what their stderr says is what their csvlog says.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use trunkline_record::{Column, Format, LogSettings, Reason, Severity, Table};

use super::fixtures::{self, Fixture};
use super::support::{Arrival, Found, Record};

/// A file of the corpus.
struct File {
    path: String,
    expected: Value,
    log: Vec<u8>,
}

fn files(format: &str) -> Vec<File> {
    let file = |file: Fixture| File { log: file.bytes(), path: file.path, expected: file.expected };
    fixtures::files(&[format]).into_iter().map(file).collect()
}

impl File {
    fn settings(&self, prefix: bool) -> LogSettings {
        let prefix = prefix.then(|| self.expected["log_line_prefix"].as_str().unwrap());
        LogSettings {
            log_timezone: self.expected["log_timezone"].as_str().unwrap().parse().unwrap(),
            log_line_prefix: prefix.map(|prefix| prefix.parse().unwrap()),
            ..LogSettings::default()
        }
    }

    fn parse(&self, format: Format, prefix: bool, step: usize) -> Found {
        let settings = self.settings(prefix);
        Arrival { format, settings, ..Arrival::whole(None) }.in_pieces(step).parse(&self.log)
    }

    fn count(&self, key: &str) -> u64 {
        self.expected[key].as_u64().unwrap_or(0)
    }
}

/// Names with a line feed break their prefix over two lines, which who counts lines doesn't see.
fn is_broken(record: &Record) -> bool {
    [Column::UserName, Column::DatabaseName]
        .iter()
        .any(|column| record.get(*column).is_some_and(|name| name.contains(&b'\n')))
}

#[test]
fn every_line_is_counted_as_an_independent_reader_counted_it() {
    for file in files("stderr") {
        let found = file.parse(Format::Stderr, true, usize::MAX);
        assert_eq!(found.rejected, [], "{}", file.path);
        assert_eq!(found.next, file.log.len() as u64);

        let (server, others): (Vec<_>, Vec<_>) =
            found.records.iter().partition(|record| record.table == Table::Postgres);
        let mut severities = BTreeMap::new();
        for record in server.iter().filter(|record| !is_broken(record)) {
            *severities.entry(record.severity.unwrap().as_str()).or_insert(0u64) += 1;
        }
        let labels = file.expected["prefixed_lines_by_label"].as_object().unwrap().iter();
        let expected: BTreeMap<_, _> = labels
            .filter(|(label, _)| label.parse::<Severity>().is_ok())
            .map(|(label, count)| (label.as_str(), count.as_u64().unwrap()))
            .collect();
        assert_eq!(severities, expected, "{}", file.path);

        // Neither half of a broken prefix is one for who counts lines.
        let broken_halves: u64 = server
            .iter()
            .filter(|record| is_broken(record))
            .map(|record| {
                let bytes = &file.log[record.position as usize..][..record.len];
                let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                lines.filter(|line| !line.starts_with(b"\t")).count() as u64
            })
            .sum();
        let plain = others.len() as u64;
        assert_eq!(plain + broken_halves, file.count("lines_without_prefix"), "{}", file.path);
        let archive = "archive: target volume full, cannot store ";
        assert!(others.iter().all(|record| record.message().starts_with(archive)));
    }
}

#[test]
fn pieces_make_no_difference() {
    for file in files("stderr").iter().filter(|file| file.log.len() < 3 << 20) {
        let whole = file.parse(Format::Stderr, true, usize::MAX);
        assert_eq!(file.parse(Format::Stderr, true, 64 << 10), whole, "{}", file.path);
        if file.log.len() < 100 << 10 {
            assert_eq!(file.parse(Format::Stderr, true, 7), whole, "{}", file.path);
        }
    }
}

/// Debian's, pgBadger's and Patroni's prefix are among the well-known ones; the two others are not.
#[test]
fn a_well_known_prefix_is_found_without_being_configured() {
    let known = |file: &&File| !file.path.starts_with("pg13/") && !file.path.starts_with("pg17/");
    for file in files("stderr").iter().filter(known) {
        let configured = file.parse(Format::Stderr, true, usize::MAX);
        assert_eq!(file.parse(Format::Stderr, false, usize::MAX), configured, "{}", file.path);
    }
}

/// A server's csvlog, by process.
type Truth = HashMap<Vec<u8>, Vec<Record>>;

fn truth(run: &str) -> Truth {
    let mut truth = Truth::new();
    for file in files("csvlog").iter().filter(|file| file.expected["run"] == run) {
        let found = file.parse(Format::Csvlog, false, usize::MAX);
        assert_eq!(found.rejected, []);
        for record in found.records {
            truth.entry(record.get(Column::ProcessId).unwrap().to_vec()).or_default().push(record);
        }
    }
    truth
}

/// A server's stderr against its csvlog, record by record, each column that both have.
fn check(run: &str) -> usize {
    let truth = truth(run);
    let mut next: HashMap<Vec<u8>, usize> = HashMap::new();
    let (mut compared, mut verbose) = (0, 0);
    for file in files("stderr").iter().filter(|file| file.expected["run"] == run) {
        let prefix = file.expected["log_line_prefix"].as_str().unwrap();
        let found = file.parse(Format::Stderr, true, usize::MAX);
        for record in found.records.iter().filter(|record| record.table == Table::Postgres) {
            let process = record.get(Column::ProcessId).unwrap();
            let records = truth.get(process).map_or(&[][..], Vec::as_slice);
            let at = next.entry(process.to_vec()).or_insert(0);
            // The carried corpus doesn't have every file; each process's records have one order.
            let same = records[*at..].iter().position(|other| is_same(record, other, prefix));
            let Some(skipped) = same else {
                panic!(
                    "{} {}: {:?} isn't in the csvlog",
                    file.path,
                    record.position,
                    record.message()
                );
            };
            let other = &records[*at + skipped];
            *at += skipped + 1;
            compare(&file.path, record, other, prefix);
            verbose += usize::from(record.get(Column::Location).is_some());
            compared += 1;
        }
    }
    assert!(compared > 0, "nothing to compare in {run}");
    if run.len() == 4 {
        assert!(verbose > 0, "no verbose record in {run}");
    }
    compared
}

/// Whether both are of the same moment and say the same.
fn is_same(record: &Record, other: &Record, prefix: &str) -> bool {
    let time = |record: &Record| record.text(Column::LogTime).unwrap().parse::<i64>().unwrap();
    let apart = (time(record) - time(other)).abs();
    // %t is read from the clock when the line is made, which may be in the next second, and has no milliseconds.
    let near = if prefix.contains("%m") { apart == 0 } else { apart < 2_000_000 };
    // Where neither shows the statement, its position stays in the message, and csvlog leaves it out.
    let message = |record: &Record| record.get(Column::Message).unwrap().to_vec();
    let unshown = || {
        let position = b" at character ";
        let shown = [Column::Query, Column::InternalQuery];
        shown.iter().all(|column| record.get(*column).is_none())
            && message(record)
                .strip_prefix(&*message(other))
                .is_some_and(|rest| rest.starts_with(position))
    };
    near && (message(record) == message(other) || unshown())
}

fn compare(path: &str, record: &Record, other: &Record, prefix: &str) {
    let at = format!("{path} {}: {:?}", record.position, record.message());
    let empty = |value: Option<&[u8]>| value.filter(|text| !text.is_empty()).map(<[u8]>::to_vec);
    let shown = |column| (record.text(column), other.text(column));
    assert_eq!(record.severity, other.severity, "{at}");

    // A process without session writes nothing from %q on.
    let (before, behind) = prefix.split_once("%q").unwrap_or((prefix, ""));
    let stopped =
        other.get(Column::UserName).is_none() && other.get(Column::ConnectionFrom).is_none();
    let carried = |letters: &[&str]| {
        letters
            .iter()
            .any(|letter| before.contains(letter) || (!stopped && behind.contains(letter)))
    };
    for (letters, column) in [
        (&["%u"][..], Column::UserName),
        (&["%d"], Column::DatabaseName),
        // Empty and unknown are one in a prefix; csvlog has an empty text for both.
        (&["%a"], Column::ApplicationName),
        (&["%r"], Column::ConnectionFrom),
        (&["%c"], Column::SessionId),
        (&["%c", "%s"], Column::SessionStartTime),
        (&["%v"], Column::VirtualTransactionId),
        (&["%x"], Column::TransactionId),
        (&["%e"], Column::SqlStateCode),
        (&["%b"], Column::BackendType),
        (&["%i"], Column::CommandTag),
        (&["%P"], Column::LeaderPid),
        (&["%Q"], Column::QueryId),
    ] {
        // A parallel worker has its leader's application_name, but no session that a prefix could show.
        let is_worker = column == Column::ApplicationName && stopped;
        if carried(letters) && !is_worker {
            assert_eq!(
                empty(record.get(column)),
                empty(other.get(column)),
                "{at} {column:?} {:?}",
                shown(column)
            );
        }
    }
    if carried(&["%h"]) && !carried(&["%r"]) {
        let (host, remote) = shown(Column::ConnectionFrom);
        let remote = remote.map(|remote| match remote.rsplit_once(':') {
            Some((host, _)) => host.to_owned(),
            None => remote,
        });
        assert_eq!(host, remote, "{at}");
    }

    // With log_error_verbosity = terse, stderr has no part but the statement, and csvlog all but the location.
    let parts =
        [Column::Detail, Column::Hint, Column::InternalQuery, Column::Context, Column::Location];
    let is_terse = parts.iter().all(|column| record.get(*column).is_none());
    for column in parts {
        if !is_terse {
            assert_eq!(record.text(column), other.text(column), "{at} {column:?}");
        }
    }
    assert_eq!(record.text(Column::Query), other.text(Column::Query), "{at}");
    let unsaid = is_terse && other.get(Column::InternalQuery).is_some();
    for column in [Column::QueryPos, Column::InternalQueryPos] {
        if !unsaid {
            assert_eq!(shown(column).0, shown(column).1, "{at} {column:?}");
        }
    }
    if record.get(Column::Location).is_some() {
        assert_eq!(record.text(Column::SqlStateCode), other.text(Column::SqlStateCode), "{at}");
    }
}

#[test]
fn pg11_says_on_stderr_what_it_says_in_csvlog() {
    check("pg11");
}

#[test]
fn pg13_says_on_stderr_what_it_says_in_csvlog() {
    check("pg13");
}

#[test]
fn pg15_says_on_stderr_what_it_says_in_csvlog() {
    check("pg15");
}

#[test]
fn pg15_standby_says_on_stderr_what_it_says_in_csvlog() {
    check("pg15-standby");
}

#[test]
fn pg17_says_on_stderr_what_it_says_in_csvlog() {
    check("pg17");
}

#[test]
fn pg17_says_on_stderr_what_it_says_in_csvlog_as_its_clock_is_put_back() {
    check("pg17-dst");
}

/// What a record that stops in its text left on a line can't be told from a text that quotes a log, so it keeps what follows; all that
/// stands on a line of its own comes out, and so does what follows a record that stops in its prefix.
#[test]
fn a_full_disk_costs_what_is_torn_and_no_other_record() {
    for file in files("stderr (torn)") {
        let found = file.parse(Format::Stderr, false, usize::MAX);
        assert_eq!(found.next, file.log.len() as u64);
        let torn = b"2026-11-22 23:06:31.382 UTC [26169] postgres@sh".to_vec();
        assert_eq!(found.rejected.len(), 1);
        assert_eq!((&found.rejected[0].1, found.rejected[0].2), (&torn, Reason::Torn));
        let is_marker = |record: &&Record| {
            let message = record.message();
            let database = record.get(Column::DatabaseName) == Some(b"shop");
            database && message.contains(" statement: SELECT 'marker-") && !message.contains('\n')
        };
        let markers = found.records.iter().filter(is_marker).count() as u64;
        assert_eq!(markers, file.count("marker_records_whole") + 1, "{}", file.path);
    }
}
