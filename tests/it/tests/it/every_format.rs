//! Every stderr, Patroni and container log of the corpus through the whole pipeline: each record that `parse` prints is a row of its
//! table, column by column. What `parse` prints is compared with independent readers elsewhere.

use std::collections::HashMap;

use chrono::DateTime;
use serde_json::{Map, Value};
use trunkline_harness::{Binary, Corpus, Fixture, Store};
use trunkline_it::Pipeline;

/// A log of the corpus where the collector finds it, and with what settings.
struct Log {
    path: String,
    format: &'static str,
    settings: Vec<(&'static str, String)>,
    bytes: u64,
}

fn unpack(fixture: &Fixture, format: &'static str, directory: &std::path::Path) -> Log {
    let mut settings = Vec::new();
    if let Some(zone) = &fixture.expected.log_timezone {
        settings.push(("log_timezone", zone.clone()));
    }
    if let Some(Value::String(prefix)) = fixture.expected.other.get("log_line_prefix") {
        settings.push(("log_line_prefix", prefix.clone()));
    }
    let path = fixture.unpack_into(directory).unwrap().display().to_string();
    Log { path, format, settings, bytes: fixture.expected.bytes }
}

/// What `parse` prints, by position.
fn parse(log: &Log) -> HashMap<i64, Map<String, Value>> {
    let mut command = Binary::Collector.command().unwrap();
    command.args(["parse", "--format", log.format]);
    for (setting, value) in &log.settings {
        command.arg(format!("--{}", setting.replace('_', "-"))).arg(value);
    }
    let output = command.arg(&log.path).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", log.path);
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let records = lines.map(|line| serde_json::from_slice::<Map<String, Value>>(line).unwrap());
    records.map(|record| (record["position"].as_i64().unwrap(), record)).collect()
}

/// Microseconds since 1970.
fn micros(time: &Value) -> i64 {
    DateTime::parse_from_rfc3339(time.as_str().unwrap()).unwrap().timestamp_micros()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_parse_prints_is_what_the_tables_hold() {
    let corpus = Corpus::all().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut logs = Vec::new();
    for (format, name) in [
        ("stderr", "stderr"),
        ("patroni-text", "patroni"),
        ("patroni-json", "patroni-json"),
        ("cri", "cri"),
    ] {
        let files = corpus.files(format);
        assert!(!files.is_empty(), "no {format} in the corpus");
        logs.extend(files.iter().map(|fixture| unpack(fixture, name, directory.path())));
    }
    let database = Store::database().await.unwrap();
    let mut pipeline = Pipeline::new(database.url(), |config| {
        logs.iter().fold(config, |config, log| {
            let settings: Vec<_> =
                log.settings.iter().map(|(setting, value)| (*setting, value.as_str())).collect();
            config.files_with(&log.path, log.format, &settings)
        })
    })
    .unwrap();
    pipeline.start().unwrap();
    let client = pipeline.stored(logs.iter().map(|log| log.bytes).sum()).await.unwrap();
    let rejected: i64 =
        client.query_one("SELECT count(*) FROM log.rejected", &[]).await.unwrap().get(0);
    assert_eq!(rejected, 0);

    let mut rows_of: HashMap<&str, usize> = HashMap::new();
    for log in &logs {
        let mut records = parse(log);
        let count = records.len();
        for table in ["postgres", "patroni", "component"] {
            let sql = format!(
                "SELECT p.position, to_jsonb(p) FROM log.{table} p JOIN log.stream USING (stream) WHERE path = $1"
            );
            for row in client.query(&sql, &[&log.path]).await.unwrap() {
                let (position, stored): (i64, Value) = (row.get(0), row.get(1));
                let at = format!("{} at {position}", log.path);
                let record = records
                    .remove(&position)
                    .unwrap_or_else(|| panic!("{at}: not printed, or twice"));
                assert_eq!(
                    record.get("table").map_or("postgres", |name| name.as_str().unwrap()),
                    table,
                    "{at}"
                );
                for (key, value) in &record {
                    match key.as_str() {
                        "position" | "table" => {}
                        "log_time" | "session_start_time" => {
                            assert_eq!(micros(&stored[key]), micros(value), "{at}: {key}");
                        }
                        key => assert_eq!(&stored[key], value, "{at}: {key}"),
                    }
                }
                let columns = stored.as_object().unwrap().iter();
                let of_the_file = ["namespace", "cluster", "pod", "stream", "position"];
                for (column, value) in
                    columns.filter(|(column, _)| !of_the_file.contains(&column.as_str()))
                {
                    assert!(
                        value.is_null() || record.contains_key(column),
                        "{at}: {column} is {value}"
                    );
                }
                *rows_of.entry(table).or_default() += 1;
            }
        }
        assert!(records.is_empty(), "{}: {} of {count} are in no table", log.path, records.len());
    }
    for table in ["postgres", "patroni", "component"] {
        assert!(rows_of[table] > 40, "{rows_of:?}");
    }
}
