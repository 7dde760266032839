//! What the harness promises about servers: they work, they go away with their owner, and no others are touched.

// The helpers below panic like the tests that call them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use trunkline_harness::instance::{self, Instance};
use trunkline_harness::procfs::pids_working_in;
use trunkline_harness::{Installation, PostgresServer, Process, Settings, StopMode, Store};

/// Waits for something that another process does.
fn soon(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn quick() -> Settings {
    Settings::plain().with("fsync", "off").with("shared_buffers", "16MB")
}

#[tokio::test]
async fn each_test_has_a_database_with_timescaledb_of_its_own() {
    let (one, two) = (Store::database().await.unwrap(), Store::database().await.unwrap());
    assert_ne!(one.name(), two.name());
    let client = one.connect().await.unwrap();
    client
        .batch_execute(
            "CREATE EXTENSION timescaledb;
             CREATE TABLE t (at timestamptz NOT NULL);
             SELECT create_hypertable('t', 'at');
             INSERT INTO t VALUES (now())",
        )
        .await
        .unwrap();
    let other = two.connect().await.unwrap();
    let seen = other.query_one("SELECT to_regclass('t') IS NOT NULL", &[]).await.unwrap();
    assert!(!seen.get::<_, bool>(0), "the other database has the table too");

    let name = one.name().to_owned();
    drop(one);
    let left = other
        .query_one("SELECT count(*) FROM pg_database WHERE datname = $1", &[&name])
        .await
        .unwrap();
    assert_eq!(left.get::<_, i64>(0), 0, "the database outlived its test");
}

#[test]
fn a_killed_server_starts_again_on_its_port_with_its_rows() {
    let mut server = PostgresServer::start(&quick()).unwrap();
    let port = server.port();
    server.psql("postgres", "CREATE TABLE t AS SELECT generate_series(1, 1000) AS n").unwrap();
    assert!(server.pids().len() > 1);
    assert!(server.cpu_seconds().unwrap() >= 0.0);

    server.kill9().unwrap();
    assert!(server.pids().is_empty());
    assert!(server.psql("postgres", "SELECT 1").is_err());
    server.start_again().unwrap();
    assert_eq!(server.port(), port);
    assert_eq!(server.psql("postgres", "SELECT count(*) FROM t").unwrap(), "1000");

    for mode in [StopMode::Smart, StopMode::Fast, StopMode::Immediate] {
        server.restart(mode).unwrap();
        assert_eq!(server.psql("postgres", "SELECT count(*) FROM t").unwrap(), "1000");
    }

    let directory = server.data_dir();
    drop(server);
    assert!(pids_working_in(&directory).is_empty());
    assert!(!directory.parent().unwrap().exists());
}

#[test]
fn a_source_writes_csvlog_that_we_can_read() {
    let server = PostgresServer::source(&[("log_statement", "all")]).unwrap();
    server.psql("postgres", "SELECT 'a trunk line'").unwrap();
    assert!(server.psql("postgres", "SELECT 1/0").is_err());
    let log = || -> String {
        let files = fs::read_dir(server.log_dir()).unwrap().flatten().map(|entry| entry.path());
        let csv = files.filter(|path| path.extension().is_some_and(|extension| extension == "csv"));
        csv.map(|path| fs::read_to_string(path).unwrap()).collect()
    };
    soon("both statements stand in the csvlog", || {
        log().contains("a trunk line") && log().contains("22012")
    });
    for (user, reason) in [("intruder", "28P01"), ("outcast", "28000")] {
        let login = server
            .tool("psql")
            .unwrap()
            .env("PGUSER", user)
            .env("PGPASSWORD", "x")
            .arg("postgres")
            .output();
        assert!(!login.unwrap().status.success());
        soon(user, || log().contains(reason));
    }
}

#[test]
fn two_servers_run_at_once_and_end_alone() {
    let one = PostgresServer::start(&quick()).unwrap();
    let two = PostgresServer::start(&quick()).unwrap();
    assert_ne!(one.port(), two.port());
    assert_ne!(one.data_dir(), two.data_dir());
    drop(one);
    assert_eq!(two.psql("postgres", "SELECT 1").unwrap(), "1");
}

#[test]
fn a_killed_owner_takes_its_server_and_processes_with_it() {
    let (mut child, data) = owner_in_a_child();
    let process: u32 = fs::read_to_string(data.with_file_name("process")).unwrap().parse().unwrap();
    assert!(!pids_working_in(&data).is_empty());
    assert!(exists(process));
    child.kill().unwrap();
    child.wait().unwrap();
    soon("the server ended", || pids_working_in(&data).is_empty());
    soon("its directory is gone", || !data.parent().unwrap().exists());
    soon("the process ended", || !exists(process));
}

#[test]
fn what_a_killed_owner_and_its_supervisor_left_is_swept_by_the_next_start() {
    let (mut child, data) = owner_in_a_child();
    let postmaster = fs::read_to_string(data.join("postmaster.pid")).unwrap();
    let postmaster: u32 = postmaster.lines().next().unwrap().parse().unwrap();
    let supervisor = parent_of(postmaster);
    for watcher in children_of(supervisor).into_iter().filter(|pid| *pid != postmaster) {
        kill9(watcher);
    }
    kill9(supervisor);
    child.kill().unwrap();
    child.wait().unwrap();

    let next = PostgresServer::start(&quick()).unwrap();
    assert!(pids_working_in(&data).is_empty());
    assert!(!data.parent().unwrap().exists());
    assert_eq!(next.psql("postgres", "SELECT 1").unwrap(), "1");
}

#[test]
fn a_sweep_leaves_owned_and_foreign_directories_alone() {
    let installation = Installation::find(false).unwrap();
    let owned = Instance::create(&installation).unwrap();
    let foreign = owned.directory().with_file_name("foreign-data");
    fs::create_dir_all(foreign.join("data")).unwrap();
    let running = PostgresServer::start_from(installation.clone(), &quick()).unwrap();

    // A leftover whose postmaster.pid names a process of somebody else: that one must live.
    let leftover = owned.directory().with_file_name("leftover");
    fs::create_dir_all(leftover.join("data")).unwrap();
    File::create(leftover.join("owner.lock")).unwrap();
    let mut stranger = Command::new("sleep").arg("60").spawn().unwrap();
    fs::write(leftover.join("data/postmaster.pid"), format!("{}\n", stranger.id())).unwrap();

    instance::sweep(&installation).unwrap();
    assert!(owned.directory().exists());
    assert!(foreign.exists());
    assert!(!leftover.exists());
    assert!(stranger.try_wait().unwrap().is_none(), "a process that isn't ours was ended");
    assert_eq!(running.psql("postgres", "SELECT 1").unwrap(), "1");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    fs::remove_dir_all(foreign).unwrap();
}

#[test]
#[ignore = "runs in a child process of the tests that kill it"]
fn child_that_owns_a_server() {
    let server = PostgresServer::start(&quick()).unwrap();
    let log = server.data_dir().with_file_name("process.log");
    let process = Process::spawn(Command::new("sleep").arg("600"), &log).unwrap();
    fs::write(server.data_dir().with_file_name("process"), process.pid().to_string()).unwrap();
    println!("\ndata directory: {}", server.data_dir().display());
    std::thread::sleep(Duration::from_secs(600));
}

/// Runs [`child_that_owns_a_server`] in a process of its own, and says where its server works.
fn owner_in_a_child() -> (std::process::Child, PathBuf) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_that_owns_a_server", "--ignored", "--nocapture"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let data = lines.find_map(|line| line.strip_prefix("data directory: ").map(PathBuf::from));
    (child, data.expect("the child names its data directory"))
}

fn parent_of(pid: u32) -> u32 {
    let status =
        fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
    line.trim().parse().unwrap()
}

fn children_of(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn exists(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

fn kill9(pid: u32) {
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
}
