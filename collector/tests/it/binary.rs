//! The binary: exit status, signals, standard streams.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use crate::{
    csvlog::record,
    receiver::{Fate, PATIENCE, Receiver},
};

fn collector(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline-collector"));
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

/// Writes a configuration and returns its path.
fn configure(dir: &Path, address: &str, more: &str) -> String {
    let file = dir.join("collector.toml");
    let dir = dir.display();
    let text = format!(
        "state_dir = \"{dir}/state\"\n{more}\n[[files]]\npath = \"{dir}/log/*.csv\"\n\
         [ship]\naddress = \"{address}\"\n[http]\nlisten = \"\"\n"
    );
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

fn signal(child: &Child, name: &str) {
    let status =
        Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[test]
fn check_config_prints_ok_the_settings_and_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let config = configure(dir.path(), "ingester:24224", "");
    fs::create_dir(dir.path().join("log")).unwrap();
    fs::write(dir.path().join("log/a.csv"), record("x")).unwrap();
    let output = collector(&["check-config", "--config", &config])
        .env("TRUNKLINE_COLLECTOR_CHUNK__AGE", "250ms")
        .env("POD_NAME", "orders-0")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(text.starts_with("ok\n"), "{text}");
    for expected in ["address = \"ingester:24224\"", "age = \"250ms\"", "orders-0", "log/a.csv"] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
}

#[test]
fn what_cannot_start_says_why_in_one_line_and_exits_2() {
    let dir = tempfile::tempdir().unwrap();
    let refuses = |config: &str, expected: &str| {
        let output = collector(&["run", "--config", config]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        let said: Vec<&str> = error.lines().filter(|line| !line.contains(" INFO ")).collect();
        assert!(said.len() == 1 && said[0].contains(expected), "{error}");
    };
    refuses("/nowhere.toml", "/nowhere.toml: cannot be read");
    refuses(&configure(dir.path(), "nohost", ""), "ship.address");

    fs::write(dir.path().join("occupied"), "").unwrap();
    let config = configure(dir.path(), "a:1", "");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("/state\"", "/occupied/state\"")).unwrap();
    refuses(&config, "occupied/state: cannot be written");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("listen = \"{}\"", taken.local_addr().unwrap());
    fs::write(&config, text.replace("listen = \"\"", &taken)).unwrap();
    refuses(&config, "http.listen: ");
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ships_what_is_there_and_exits_0() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let config = configure(dir.path(), &receiver.address.to_string(), "");
    fs::create_dir(dir.path().join("log")).unwrap();
    fs::write(dir.path().join("log/a.csv"), record("one")).unwrap();
    let mut child = collector(&["run", "--config", &config]).spawn().unwrap();
    receiver.wait("a row", |state| state.streams.values().any(|s| s.rows.len() == 1)).await;

    let second = collector(&["run", "--config", &config]).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8(second.stderr).unwrap().contains("in use by another collector"));

    let mut file = fs::File::options().append(true).open(dir.path().join("log/a.csv")).unwrap();
    file.write_all(record("two").as_bytes()).unwrap();
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let rows: Vec<String> = receiver.rows().into_iter().map(|(_, text)| text).collect();
    assert_eq!(rows, ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::with(|_| Fate::Ignore).await;
    let grace = "shutdown_grace = \"60s\"";
    let config = configure(dir.path(), &receiver.address.to_string(), grace);
    fs::create_dir(dir.path().join("log")).unwrap();
    fs::write(dir.path().join("log/a.csv"), record("one")).unwrap();
    let mut child =
        collector(&["run", "--config", &config]).stderr(Stdio::piped()).spawn().unwrap();
    receiver.wait("a message", |state| !state.arrivals.is_empty()).await;
    signal(&child, "TERM");
    let log = BufReader::new(child.stderr.take().unwrap());
    let mut lines = log.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("SIGTERM")));
    let started = Instant::now();
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(started.elapsed() < PATIENCE);
}

#[test]
fn parse_reads_standard_input_and_exits_3_when_something_was_rejected() {
    let mut child = collector(&["parse", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = record("one") + "garbage\n" + &record("two");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stdout.iter().filter(|&&byte| byte == b'\n').count(), 2);
    assert_eq!(output.stderr.iter().filter(|&&byte| byte == b'\n').count(), 1);
}

#[test]
fn parse_ends_quietly_when_nobody_reads_on() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.csv");
    fs::write(&file, record("x").repeat(100_000)).unwrap();
    let mut child = collector(&["parse", file.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 100]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn help_and_version_help() {
    for args in
        [&["--help"][..], &["run", "--help"], &["check-config", "--help"], &["parse", "--help"]]
    {
        let output = collector(args).output().unwrap();
        assert!(output.status.success());
        assert!(output.stdout.len() > 400);
    }
    let version = collector(&["--version"]).output().unwrap();
    assert!(String::from_utf8(version.stdout).unwrap().starts_with("trunkline-collector 0."));
}
