//! `trunkline-collector parse` on every log of the corpus: counts as independent readers found them, nothing rejected but what is torn.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use trunkline_harness::{Binary, Corpus, Fixture};

/// What `parse` printed.
struct Parsed {
    records: Vec<Value>,
    rejected: Vec<Value>,
    status: Option<i32>,
}

fn parse(fixture: &Fixture, format: &str, directory: &Path) -> Parsed {
    let file = fixture.unpack_into(directory).unwrap();
    let mut command = Binary::Collector.command().unwrap();
    command.args(["parse", "--format", format]);
    if let Some(zone) = &fixture.expected.log_timezone {
        command.args(["--log-timezone", zone]);
    }
    if let Some(prefix) = fixture.expected.other.get("log_line_prefix") {
        command.args(["--log-line-prefix", prefix.as_str().unwrap()]);
    }
    let output = command.arg(&file).output().unwrap();
    std::fs::remove_file(file).unwrap();
    let lines = |bytes: &[u8]| -> Vec<Value> {
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    };
    Parsed {
        records: lines(&output.stdout),
        rejected: lines(&output.stderr),
        status: output.status.code(),
    }
}

/// Larger logs are parsed once: that `auto` tells their formats too is tested beside the parsers.
const TWICE: u64 = 1 << 20;

/// The records of a log of which nothing is rejected; the same whether its format is said or told by its beginning.
fn whole(fixture: &Fixture, format: &str, directory: &Path) -> Vec<Value> {
    let parsed = parse(fixture, format, directory);
    assert_eq!(parsed.rejected, Vec::<Value>::new(), "{}", fixture.path);
    assert_eq!(parsed.status, Some(0), "{}", fixture.path);
    let positions: Vec<_> =
        parsed.records.iter().map(|record| record["position"].as_u64()).collect();
    assert!(positions.is_sorted_by(|a, b| a < b), "{}: positions", fixture.path);
    if fixture.expected.bytes < TWICE {
        let auto = parse(fixture, "auto", directory);
        assert!(auto.records == parsed.records, "{}: auto says something else", fixture.path);
    }
    parsed.records
}

fn by(records: &[Value], key: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for value in records.iter().filter_map(|record| record[key].as_str()) {
        *counts.entry(value.to_owned()).or_default() += 1;
    }
    counts
}

fn multiline(records: &[Value]) -> u64 {
    let has_line_feed = |record: &&Value| {
        let texts = record.as_object().unwrap().values().filter_map(Value::as_str);
        texts.into_iter().any(|text| text.contains('\n'))
    };
    records.iter().filter(has_line_feed).count() as u64
}

fn files(format: &str) -> Vec<Fixture> {
    let files = Corpus::all().unwrap().files(format);
    assert!(!files.is_empty(), "no {format} in the corpus");
    files
}

#[test]
fn csvlog_and_jsonlog() {
    let directory = tempfile::tempdir().unwrap();
    for format in ["csvlog", "jsonlog"] {
        for fixture in files(format) {
            let records = whole(&fixture, format, directory.path());
            let mut expected = fixture.expected.clone();
            // jsonlog leaves success out.
            if let Some(success) = expected.by_sqlstate.remove("(absent)") {
                expected.by_sqlstate.insert("00000".to_owned(), success);
            }
            assert_eq!(Some(records.len() as u64), expected.records, "{}", fixture.path);
            assert_eq!(by(&records, "error_severity"), expected.by_severity, "{}", fixture.path);
            assert_eq!(by(&records, "sql_state_code"), expected.by_sqlstate, "{}", fixture.path);
            assert_eq!(Some(multiline(&records)), expected.multiline_records, "{}", fixture.path);
            let times = [records.first(), records.last()]
                .map(|record| record.unwrap()["log_time"].as_str());
            assert_eq!(
                times,
                [expected.first_utc.as_deref(), expected.last_utc.as_deref()],
                "{}",
                fixture.path
            );
        }
    }
}

#[test]
fn stderr_has_its_records_their_parts_and_the_lines_of_others() {
    const LABELS: [(&str, &str); 6] = [
        ("DETAIL", "detail"),
        ("HINT", "hint"),
        ("QUERY", "internal_query"),
        ("CONTEXT", "context"),
        ("LOCATION", "location"),
        ("STATEMENT", "query"),
    ];
    let directory = tempfile::tempdir().unwrap();
    for fixture in files("stderr") {
        let records = whole(&fixture, "stderr", directory.path());
        let (servers, others): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| record["table"].is_null());
        // Where a name holds a line feed, a reader of lines finds no prefix on either of the two.
        let (broken, servers): (Vec<_>, Vec<_>) = servers.into_iter().partition(|record| {
            ["user_name", "database_name", "application_name"]
                .iter()
                .any(|name| record[name].as_str().is_some_and(|name| name.contains('\n')))
        });
        let labels: BTreeMap<String, u64> =
            serde_json::from_value(fixture.expected.other["prefixed_lines_by_label"].clone())
                .unwrap();
        let severities = by(&servers, "error_severity");
        for (label, expected) in &labels {
            let found = match LABELS.iter().find(|(known, _)| known == label) {
                Some((_, column)) => {
                    servers.iter().filter(|record| !record[column].is_null()).count() as u64
                }
                None if label == "BACKTRACE" => {
                    servers.iter().filter(|record| !record["extra"]["backtrace"].is_null()).count()
                        as u64
                }
                None => severities.get(label).copied().unwrap_or_default(),
            };
            assert_eq!(found, *expected, "{label} of {}", fixture.path);
        }
        let lines = fixture.expected.other.get("lines_without_prefix").and_then(Value::as_u64);
        let continued = lines.unwrap_or_default() - others.len() as u64;
        assert!(
            continued >= broken.len() as u64,
            "{}: {} lines of others",
            fixture.path,
            others.len()
        );
    }
}

#[test]
fn patroni_has_its_levels_and_whole_tracebacks() {
    let directory = tempfile::tempdir().unwrap();
    for (format, name) in [("patroni-text", "patroni"), ("patroni-json", "patroni-json")] {
        for fixture in files(format) {
            let records = whole(&fixture, name, directory.path());
            let expected = &fixture.expected;
            assert_eq!(Some(records.len() as u64), expected.records, "{}", fixture.path);
            assert!(records.iter().all(|record| record["table"] == "patroni"), "{}", fixture.path);
            let mut levels = expected.by_severity.clone();
            if let Some(critical) = levels.remove("CRITICAL") {
                levels.insert("FATAL".to_owned(), critical);
            }
            assert_eq!(by(&records, "error_severity"), levels, "{}", fixture.path);
            assert_eq!(Some(multiline(&records)), expected.multiline_records, "{}", fixture.path);
        }
    }
}

#[test]
fn container_logs_have_every_line_of_every_message() {
    let directory = tempfile::tempdir().unwrap();
    for fixture in files("cri") {
        let records = whole(&fixture, "cri", directory.path());
        let messages: BTreeMap<String, u64> =
            serde_json::from_value(fixture.expected.other["complete_messages"].clone()).unwrap();
        let messages: u64 = messages.values().sum();
        assert!(!records.is_empty() && records.len() as u64 <= messages, "{}", fixture.path);
        if fixture.path.contains("/etcd/") {
            // Each line is a message of its own.
            assert_eq!(records.len() as u64, messages, "{}", fixture.path);
        }
    }
}

#[test]
fn what_is_torn_is_rejected_and_told_by_the_exit_status() {
    let directory = tempfile::tempdir().unwrap();
    for fixture in files("csvlog (torn)") {
        let parsed = parse(&fixture, "csvlog", directory.path());
        assert_eq!(parsed.status, Some(3), "{}", fixture.path);
        assert!(!parsed.rejected.is_empty());
        let whole = fixture.expected.other["marker_records_whole"].as_u64().unwrap();
        let markers = parsed.records.iter().filter(|record| {
            record["message"].as_str().is_some_and(|text| text.contains("SELECT 'marker-"))
        });
        assert!(markers.count() as u64 >= whole, "{}", fixture.path);
    }
}
