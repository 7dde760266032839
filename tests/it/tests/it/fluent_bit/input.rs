//! What the input hands over, and when its checkpoint follows.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use trunkline_harness::wait::eventually_true;
use trunkline_harness::{HostCommand, Plugin, Process, csv_truth};
use trunkline_it::{PATIENCE, csvlog_record};

use super::storage::{self, Event};
use super::{Scene, positions};

/// The columns of csvlog that hold texts or numbers as they stand in the file.
fn is_plain(column: &str) -> bool {
    !matches!(column, "log_time" | "session_start_time" | "error_severity")
}

fn bytes(logs: &[std::path::PathBuf]) -> u64 {
    logs.iter().map(|log| fs::metadata(log).unwrap().len()).sum()
}

/// Starts the host, waits until the checkpoints of its instances stand at the ends of all files, and stops it.
async fn run(scene: &Scene, host: HostCommand, states: &[&str], expected: u64) {
    let host =
        host.args(["--collect", "0.05", "--ring", "0.02", "--storage"]).args([scene.storage()]);
    let mut process = Process::spawn(host.command(), &scene.path("host.log")).unwrap();
    let what = "the checkpoints to stand at the ends of all files";
    let reached = || states.iter().map(|state| positions(&scene.path(state))).sum::<u64>();
    let waited = eventually_true(what, PATIENCE, || async { Ok(reached() >= expected) }).await;
    waited.unwrap_or_else(|error| panic!("{error:#}: {}\n{}", reached(), process.log_tail()));
    let status = process.terminate_and_wait(PATIENCE).unwrap();
    assert!(status.success(), "{status}\n{}", process.log_tail());
}

/// Compares the events of one instance with what another reader finds in the files.
fn compare(logs: &[std::path::PathBuf], events: &[Event]) {
    let mut by_path: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        by_path.entry(event.header.path.as_deref().unwrap()).or_default().push(event);
    }
    for log in logs {
        let path = log.display().to_string();
        let events = by_path.remove(path.as_str()).unwrap_or_default();
        let truth = csv_truth::read_file(log).unwrap();
        let mut at = 0;
        for (event, record) in events.iter().zip(&truth) {
            assert_eq!(event.position, record.position, "{path}");
            assert_eq!(event.from, at, "{path}: an event goes on where the one before ends");
            at = event.next;
            for column in csv_truth::COLUMNS.into_iter().filter(|column| is_plain(column)) {
                let given = event.record.get(column).map(Vec::as_slice).unwrap_or_default();
                let written = record.field(column).unwrap_or_default();
                assert_eq!(given, written, "{path} at {}: {column}", record.position);
            }
        }
        assert_eq!(events.len(), truth.len(), "records of {path}");
    }
    assert!(by_path.is_empty(), "events of no file: {:?}", by_path.keys());
}

fn config(path: &Path) -> [(&'static str, String); 1] {
    [("config", path.display().to_string())]
}

fn properties<'p>(all: &'p [(&'static str, String)]) -> impl Iterator<Item = (&'p str, &'p str)> {
    all.iter().map(|(key, value)| (*key, value.as_str()))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_instance_hands_over_its_files_byte_for_byte_and_once() {
    let scene = Scene::with_csvlog(4 << 20);
    let (first, second) = scene.globs.split_at(scene.globs.len() / 2);
    let configs = [config(&scene.config("a", first)), config(&scene.config("b", second))];
    let host = || {
        let host = HostCommand::new().unwrap();
        let host = host.plugin(Plugin::Input, properties(&configs[0])).unwrap();
        host.instance(properties(&configs[1]))
    };
    let expected = bytes(&scene.logs);
    run(&scene, host(), &["a", "b"], expected).await;
    let again = host().args(["--collect", "0.05", "--seconds", "1"]);
    let (report, log) = again.run().unwrap();
    assert!(report.collects > 0, "{report:?}\n{log}");
    assert_eq!(report.collected_bytes, 0, "what was handed over is handed over again\n{log}");
    let mut all = 0;
    for (instance, globs) in [first, second].into_iter().enumerate() {
        let events = storage::events(&scene.storage(), instance);
        let is_its = |log: &&std::path::PathBuf| {
            globs.iter().any(|(glob, _)| *glob == log.with_file_name("*.csv").display().to_string())
        };
        let logs: Vec<_> = scene.logs.iter().filter(is_its).cloned().collect();
        compare(&logs, &events);
        all += events.len();
    }
    assert!(all > 1000, "only {all} records");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_contexts_has_one_instance() {
    let scene = Scene::with_csvlog(100_000);
    let settings = config(&scene.config("a", &scene.globs));
    let host = HostCommand::new().unwrap().args(["--layout", "v2.0"]);
    let host = host.plugin(Plugin::Input, properties(&settings)).unwrap();
    run(&scene, host, &["a"], bytes(&scene.logs)).await;
    compare(&scene.logs, &storage::events(&scene.storage(), 0));

    let another = config(&scene.config("b", &scene.globs));
    let host = HostCommand::new().unwrap().args(["--layout", "v2.0", "--seconds", "1"]);
    let host = host.plugin(Plugin::Input, properties(&settings)).unwrap();
    let error = host.instance(properties(&another)).run().unwrap_err().to_string();
    assert!(error.contains("room for one instance"), "{error}");
}

#[test]
fn a_host_that_is_full_is_given_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("a.csv");
    let records = (0..10_000).map(|second| csvlog_record(second, "LOG", "one of many"));
    fs::write(&log, records.collect::<String>()).unwrap();
    let state = directory.path().join("state");
    let own = [
        ("path", log.display().to_string()),
        ("format", "csvlog".to_owned()),
        ("state_dir", state.display().to_string()),
        ("chunk.bytes", "16 KiB".to_owned()),
        ("queue", "32 KiB".to_owned()),
    ];
    let host = HostCommand::new().unwrap().plugin(Plugin::Input, properties(&own)).unwrap();
    let host = host.args(["--collect", "0.02", "--ring", "0.01", "--mem-buf-limit", "200000"]);
    let (report, log) = host.args(["--seconds", "3"]).run().unwrap();
    // As much as one call gives is beyond the limit; the file has several times as much.
    let given = 200_000..500_000;
    assert!(given.contains(&report.collected_bytes), "{report:?}\n{log}");
    assert!(positions(&state) < 500_000);
}

#[test]
fn an_input_that_cannot_start_says_why() {
    let host = HostCommand::new().unwrap();
    let host = host.plugin(Plugin::Input, [("path", "relative/*.csv")]).unwrap();
    let error = host.run().unwrap_err().to_string();
    assert!(error.contains("[error] [trunkline_tail] ") && error.contains("files.path"), "{error}");
}
