//! The terminal client, asked as at a shell, of a real service.

use std::path::Path;
use std::process::{Command, Output};

use crate::authority::Authority;
use serde_json::Value;
use trunkline_harness::wait::eventually_true;
use trunkline_harness::{Binary, Database, Process, Store};
use trunkline_it::{PATIENCE, Pipeline, Sender, csvlog_record};
use trunkline_record::StreamId;

const ROWS: u32 = 30;
const FROM: &str = "2026-11-22T00:00:00Z";

/// A store with a row for each second; every tenth is an error.
async fn filled() -> (Pipeline, Database) {
    let database = Store::database().await.unwrap();
    let mut pipeline = Pipeline::new(database.url(), |config| config).unwrap();
    pipeline.start_ingester().unwrap();
    pipeline.ready().await.unwrap();
    let log: String = (0..ROWS)
        .map(|second| {
            let severity = if second % 10 == 0 { "ERROR" } else { "LOG" };
            csvlog_record(
                second,
                severity,
                &format!("row {second}\n\u{1b}[2Jof, \"Public.Foo\" 🐘"),
            )
        })
        .collect();
    let mut sender = Sender::connect(&pipeline.forward_address(), StreamId([1; 16])).await.unwrap();
    sender.send(log.as_bytes(), 0, 0).await.unwrap();
    sender.answer().await.unwrap();
    (pipeline, database)
}

fn command(pipeline: &Pipeline, arguments: &[&str]) -> Command {
    let mut command = Binary::Terminal.command().unwrap();
    command.env("TRUNKLINE_URL", pipeline.url("/")).env("XDG_CONFIG_HOME", "/nonexistent");
    command.args(arguments);
    command
}

/// What the client answers to these arguments.
fn ask(pipeline: &Pipeline, arguments: &[&str]) -> Output {
    command(pipeline, arguments).output().unwrap()
}

/// The answer, which must be one.
#[track_caller]
fn answer(pipeline: &Pipeline, arguments: &[&str]) -> String {
    let output = ask(pipeline, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {} {said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// An answer that must be refused with this status, and say so in one line with these words.
#[track_caller]
fn refused(output: &Output, status: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert!(words.iter().all(|word| said.contains(word)), "{words:?} in {said}");
    assert!(output.stdout.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_shown_newest_last_and_can_t_command_the_terminal() {
    let (pipeline, _database) = filled().await;
    let errors = answer(&pipeline, &["logs", "--from", FROM, "--min-severity", "ERROR", "-n", "2"]);
    let lines: Vec<_> = errors.lines().collect();
    assert_eq!(lines.len(), 4, "{errors}");
    assert!(
        lines[0].starts_with("2026-11-22 00:00:10.") && lines[0].ends_with("row 10"),
        "{errors}"
    );
    assert!(lines[0].contains(" orders ERROR "), "{errors}");
    assert_eq!(lines[1], "    \\u{1b}[2Jof, \"Public.Foo\" 🐘");
    assert!(lines[2].ends_with("row 20"), "{errors}");
    assert!(!errors.contains('\u{1b}'), "no colours where nobody looks");
    let coloured = answer(&pipeline, &["logs", "--from", FROM, "-n", "1", "--color", "always"]);
    assert!(coloured.contains("\u{1b}[2m2026-11-22 00:00:29."), "{coloured:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_every_row_as_it_is() {
    let (pipeline, _database) = filled().await;
    let json = answer(&pipeline, &["logs", "--from", FROM, "--all", "-o", "json"]);
    let rows: Vec<Value> = json.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let messages: Vec<_> = rows.iter().map(|row| row["message"].as_str().unwrap()).collect();
    let wanted: Vec<_> =
        (0..ROWS).map(|at| format!("row {at}\n\u{1b}[2Jof, \"Public.Foo\" 🐘")).collect();
    assert_eq!(messages, wanted);
    let raw = answer(&pipeline, &["logs", "--from", FROM, "--all", "-o", "raw"]);
    assert_eq!(raw, wanted.iter().map(|message| format!("{message}\n")).collect::<String>());
    let csv = answer(&pipeline, &["logs", "--from", FROM, "--all", "-o", "csv"]);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let at = reader.headers().unwrap().iter().position(|name| name == "message").unwrap();
    let read: Vec<_> = reader.records().map(|row| row.unwrap()[at].to_owned()).collect();
    assert_eq!(read, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_and_counts_are_the_services() {
    let (pipeline, _database) = filled().await;
    let count = |arguments: &[&str]| {
        let arguments = [&["logs", "--from", FROM, "--all", "-o", "json"], arguments].concat();
        answer(&pipeline, &arguments).lines().count()
    };
    assert_eq!(count(&["--not", "severity=LOG"]), 3);
    assert_eq!(count(&["--severity", "ERROR", "--cluster", "orders"]), 3);
    assert_eq!(count(&["--cluster", "others"]), 0);
    assert_eq!(count(&["--where", "message LIKE 'row 2%' AND error_severity < 'ERROR'"]), 10);
    assert_eq!(count(&["--text", "public.foo"]), ROWS as usize);
    let histogram = answer(&pipeline, &["histogram", "--from", FROM, "--step", "1m", "-o", "csv"]);
    assert_eq!(histogram, "time,total,ERROR,LOG\r\n2026-11-22T00:00:00Z,30,3,27\r\n");
    let facets = answer(&pipeline, &["facets", "severity", "--from", FROM]);
    let words: Vec<Vec<_>> = facets.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        words,
        [
            vec!["column", "count", "value"],
            vec!["error_severity", "27", "LOG"],
            vec!["error_severity", "3", "ERROR"]
        ]
    );
    let clusters = answer(&pipeline, &["clusters", "-o", "csv"]);
    assert!(clusters.lines().nth(1).unwrap().contains(",orders,"), "{clusters}");
}

/// An ingester's command, with its configuration; what it prints.
#[track_caller]
fn administer(pipeline: &Pipeline, arguments: &[&str]) -> String {
    let config = pipeline.directory().join("ingester.toml");
    let mut command = Binary::Ingester.command().unwrap();
    let output = command.args(arguments).arg("--config").arg(config).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_asked_with_a_token_over_tls() {
    let database = Store::database().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.write(directory.path());
    authority.issue(directory.path(), "server", "127.0.0.1");
    let file = |name: &str| directory.path().join(name).display().to_string();
    let mut pipeline = Pipeline::new(database.url(), |config| config)
        .unwrap()
        .ingester_setting("http.access", "token")
        .ingester_setting("http.tls.certificate", file("server.pem"))
        .ingester_setting("http.tls.key", file("server.key"));
    trunkline_it::migrate(&database).unwrap();
    pipeline.start_ingester().unwrap();
    let name = "a statement";
    let token = administer(
        &pipeline,
        &["token", "create", "--all-clusters", "--name", name, "--expires", "1 hour"],
    );
    assert!(token.starts_with("trunkline_"), "{token}");
    let url = pipeline.url("/").replace("http://", "https://");
    let run = |token: &str, arguments: &[&str], input: &str| {
        let mut command = Binary::Terminal.command().unwrap();
        command
            .env("TRUNKLINE_URL", &url)
            .env("TRUNKLINE_TOKEN", token)
            .env("XDG_CONFIG_HOME", "/nonexistent");
        command.args(arguments).args(["--ca-file", &file("ca.pem")]);
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let statement = "SELECT n, 'a,b' AS t FROM generate_series(9, 11) AS n";
    trunkline_harness::wait::eventually_true(
        "an answer over TLS",
        trunkline_it::PATIENCE,
        || async { Ok(run(&token, &["sql", "SELECT 1"], "").status.success()) },
    )
    .await
    .unwrap();
    let text = |output: Output| String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        text(run(&token, &["sql", statement], "")),
        "n   t\n 9  a,b\n10  a,b\n11  a,b\n(3 rows)\n"
    );
    assert_eq!(
        text(run(&token, &["sql", "-n", "1", "-o", "csv"], statement)),
        "n,t\r\n9,\"a,b\"\r\n"
    );
    assert_eq!(
        text(run(&token, &["sql", "-", "-n1", "-o", "json"], statement)),
        "{\"n\":\"9\",\"t\":\"a,b\"}\n"
    );
    refused(&run(&token, &["sql", "SELECT nothing"], ""), 3, &["nothing", "at character 8"]);
    refused(&run(&token, &["sql", "DROP TABLE log.postgres"], ""), 3, &["SELECT"]);
    refused(&run("trunkline_wrong", &["sql", "SELECT 1"], ""), 3, &["token"]);
    // Another certificate is taken over without a restart: of an authority that the client doesn't know.
    Authority::new().issue(directory.path(), "server", "127.0.0.1");
    trunkline_harness::wait::eventually_true(
        "the other certificate",
        trunkline_it::PATIENCE,
        || async { Ok(run(&token, &["sql", "SELECT 1"], "").status.code() == Some(4)) },
    )
    .await
    .unwrap();
    authority.issue(directory.path(), "server", "127.0.0.1");
    trunkline_harness::wait::eventually_true(
        "the first authority's",
        trunkline_it::PATIENCE,
        || async { Ok(run(&token, &["sql", "SELECT 1"], "").status.success()) },
    )
    .await
    .unwrap();
    let listed = administer(&pipeline, &["token", "list"]);
    assert!(
        listed.starts_with("1\tvalid\t") && listed.ends_with("\t(all clusters)\ta statement"),
        "{listed}"
    );
    administer(&pipeline, &["token", "revoke", "1"]);
    assert!(administer(&pipeline, &["token", "list"]).contains("revoked"));
    trunkline_harness::wait::eventually_true(
        "the token to be refused",
        trunkline_it::PATIENCE,
        || async { Ok(run(&token, &["sql", "SELECT 1"], "").status.code() == Some(3)) },
    )
    .await
    .unwrap();
}

/// Stores another log of so many rows in a stream of its own.
async fn store(pipeline: &Pipeline, stream: u8, rows: u32) {
    let log: String =
        (0..rows).map(|at| csvlog_record(at, "LOG", &format!("{stream} {at}"))).collect();
    let mut sender =
        Sender::connect(&pipeline.forward_address(), StreamId([stream; 16])).await.unwrap();
    sender.send(log.as_bytes(), 0, 0).await.unwrap();
    sender.answer().await.unwrap();
}

/// Waits until these messages were printed, in this order.
async fn printed(log: &Path, wanted: &[String]) {
    let found = || {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let rows =
            text.split_inclusive('\n').filter(|line| line.starts_with('{') && line.ends_with('\n'));
        let row = |line: &str| serde_json::from_str::<Value>(line).unwrap()["message"].clone();
        rows.map(|line| row(line).as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let waiting = eventually_true("rows to be printed", PATIENCE, || async {
        anyhow::ensure!(found().len() >= wanted.len(), "{} are", found().len());
        Ok(true)
    });
    waiting.await.unwrap();
    assert_eq!(found(), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_followed_each_once_also_over_a_restart() {
    let (mut pipeline, _database) = filled().await;
    let directory = tempfile::tempdir().unwrap();
    let logs = [directory.path().join("tail"), directory.path().join("logs")];
    let tail = ["tail", "-n", "0", "-o", "json", "--not", "severity=ERROR"];
    let follow = ["logs", "-f", "-n", "2", "-o", "json", "--from", FROM];
    let _tail = Process::spawn(&command(&pipeline, &tail), &logs[0]).unwrap();
    let _follow = Process::spawn(&command(&pipeline, &follow), &logs[1]).unwrap();
    let before: Vec<_> =
        [28, 29].map(|at| format!("row {at}\n\u{1b}[2Jof, \"Public.Foo\" 🐘")).to_vec();
    printed(&logs[1], &before).await;
    let mut wanted = Vec::new();
    // Both are connected when they show something.
    for attempt in 100..200 {
        store(&pipeline, attempt, 1).await;
        wanted.push(format!("{attempt} 0"));
        if std::fs::read_to_string(&logs[0]).unwrap_or_default().contains("message") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let text = std::fs::read_to_string(&logs[0]).unwrap();
    let first = wanted.iter().position(|message| text.contains(message)).unwrap();
    let mut of_tail = wanted.split_off(first);
    let mut of_logs = [before, wanted, of_tail.clone()].concat();
    printed(&logs[0], &of_tail).await;
    // What is stored while they can't connect is there afterwards.
    for stream in [2, 3] {
        pipeline.ingester.take().unwrap().kill9().unwrap();
        pipeline.start_ingester().unwrap();
        pipeline.ready().await.unwrap();
        store(&pipeline, stream, 20).await;
        for all in [&mut of_tail, &mut of_logs] {
            all.extend((0..20).map(|at| format!("{stream} {at}")));
        }
        printed(&logs[0], &of_tail).await;
        printed(&logs[1], &of_logs).await;
    }
    refused(&ask(&pipeline, &["tail", "--where", "mesage = 'a'"]), 3, &["mesage", "message"]);
    refused(&ask(&pipeline, &["tail", "-o", "csv"]), 2, &["json"]);
    let patterns =
        answer(&pipeline, &["patterns", "--from", FROM, "-o", "csv", "--severity", "ERROR"]);
    assert_eq!(patterns.lines().count(), 2, "{patterns}");
    assert!(patterns.contains("3,ERROR,") && patterns.contains("row <n>"), "{patterns}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_status_says_who_has_to_mend_something() {
    let (pipeline, _database) = filled().await;
    refused(&ask(&pipeline, &["logs", "--where", "mesage = 'a'"]), 3, &["mesage", "message"]);
    refused(&ask(&pipeline, &["logs", "--not", "shape=round"]), 2, &["--not", "cluster"]);
    refused(&ask(&pipeline, &["logs", "--profile", "none"]), 2, &["profiles.toml"]);
    refused(&ask(&pipeline, &["logs", "--url", "http://127.0.0.1:1"]), 4, &["127.0.0.1:1"]);
    let completions = answer(&pipeline, &["completions", "bash"]);
    assert!(completions.contains("--min-severity"), "{completions}");
}
