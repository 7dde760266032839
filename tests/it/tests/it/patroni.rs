//! A real Patroni cluster of two members, of which one logs text and one logs JSON: what happens to it appears in `log.patroni`.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;
use tokio_postgres::Client;
use trunkline_harness::wait::eventually_true;
use trunkline_harness::{CollectorConfig, MemberSettings, PatroniCluster, Store};
use trunkline_it::{PATIENCE, Pipeline};

/// A record as an independent reader finds it: level and message.
type Record = (String, String);

#[tokio::test(flavor = "multi_thread")]
async fn bootstrap_switchover_and_failover_arrive_with_levels_tracebacks_and_roles() {
    let store = Store::database().await.unwrap();
    let mut cluster = PatroniCluster::start("orders").unwrap();
    let (first, second) = (0, 1);
    cluster.add_member(MemberSettings::default()).unwrap();
    cluster.until(first, first, &[]).await.unwrap();
    cluster.add_member(MemberSettings::default().log("type", "json")).unwrap();
    let mut pod_0 = Pipeline::new(store.url(), |config| collect(config, &cluster, 0)).unwrap();
    let address = pod_0.forward_address();
    let mut pod_1 = Pipeline::new(store.url(), |config| {
        collect(config, &cluster, 1).set("ship.address", address)
    })
    .unwrap();
    pod_0.start().unwrap();
    pod_1.start_collector().unwrap();
    pod_0.ready().await.unwrap();
    let client = pod_0.connect().await.unwrap();

    cluster.until(first, first, &[second]).await.unwrap();
    leads(&client, &cluster, first, "primary").await;
    cluster.switchover(first, second).await.unwrap();
    cluster.until(second, second, &[first]).await.unwrap();
    leads(&client, &cluster, second, "primary").await;
    follows(&client, &cluster, first, "replica").await;
    // Patroni can't reach its store: a traceback on both members.
    cluster.etcd_mut().kill9().unwrap();
    for (member, traceback) in
        cluster.members().iter().zip(["\nTraceback (", "\"exc_info\": \"Traceback ("])
    {
        let log = member.patroni_logs().join("patroni.log");
        eventually_true("a traceback", PATIENCE, || async {
            Ok(std::fs::read_to_string(&log)?.contains(traceback))
        })
        .await
        .unwrap();
    }
    cluster.etcd_mut().start_again().unwrap();
    cluster.until(second, second, &[first]).await.unwrap();
    cluster.member_mut(second).kill9().unwrap();
    assert!(cluster.member(second).postgres_pids().is_empty());
    cluster.until(first, first, &[]).await.unwrap();
    leads(&client, &cluster, first, "primary").await;
    cluster.member_mut(first).stop().unwrap();

    let bytes = cluster.members().iter().map(|member| {
        sizes(&member.patroni_logs(), ".log") + sizes(&member.postgres_logs(), ".csv")
    });
    pod_0.stored(bytes.sum()).await.with_context(|| pod_1.logs()).unwrap();
    let rejected: i64 =
        client.query_one("SELECT count(*) FROM log.rejected", &[]).await.unwrap().get(0);
    assert_eq!(rejected, 0);
    for (number, member) in cluster.members().iter().enumerate() {
        let log = std::fs::read_to_string(member.patroni_logs().join("patroni.log")).unwrap();
        let written = if number == 1 { json_records(&log) } else { text_records(&log) };
        assert_eq!(stored(&client, member.name()).await, written, "{}", member.name());
        let tracebacks: Vec<&Record> =
            written.iter().filter(|(_, message)| message.contains("\nTraceback ")).collect();
        assert!(!tracebacks.is_empty(), "{}", member.name());
        for (level, message) in tracebacks {
            assert_eq!(level, "ERROR", "{message}");
            assert!(message.contains("\n  File \"/usr/lib/python3/"), "{message}");
        }
    }
    for (number, level, message) in [
        (first, "INFO", "trying to bootstrap a new cluster"),
        (first, "INFO", "initialized a new cluster"),
        (second, "INFO", "replica has been created using basebackup"),
        (first, "INFO", "switchover: demoting myself"),
        (second, "INFO", "promoted self to leader by acquiring session lock"),
        (first, "INFO", "promoted self to leader by acquiring session lock"),
        (first, "WARNING", "Could not activate Linux watchdog device"),
        (first, "ERROR", "Error communicating with DCS"),
    ] {
        let sql = "SELECT count(*) FROM log.patroni \
                   WHERE pod = $1 AND error_severity::text = $2 AND starts_with(message, $3)";
        let pod = cluster.member(number).name();
        let rows: i64 = client.query_one(sql, &[&pod, &level, &message]).await.unwrap().get(0);
        assert!(rows > 0, "{pod}: no {level} {message:?}");
    }
    // What the servers themselves say of it, in the same store.
    let sql = "SELECT count(DISTINCT pod) FROM log.postgres \
               WHERE message = 'selected new timeline ID: ' || $1::text";
    for timeline in ["2", "3"] {
        let pods: i64 = client.query_one(sql, &[&timeline]).await.unwrap().get(0);
        assert_eq!(pods, 1, "timeline {timeline}");
    }
}

/// A collector beside this member.
fn collect(config: CollectorConfig, cluster: &PatroniCluster, number: usize) -> CollectorConfig {
    let member = cluster.member(number);
    let format = if number == 1 { "patroni-json" } else { "patroni" };
    let glob = |directory: &Path, names: &str| directory.join(names).display().to_string();
    config
        .set("source.pod", member.name())
        .set("patroni.url", member.rest_url("/patroni"))
        .set("patroni.interval", "200ms")
        .files(&glob(&member.patroni_logs(), "patroni.log*"), format)
        .files(&glob(&member.postgres_logs(), "*.csv"), "csvlog")
}

/// Waits until this member says that it leads, in a row that has this role.
async fn leads(client: &Client, cluster: &PatroniCluster, number: usize, role: &str) {
    says(client, cluster, number, "the leader with the lock", role).await;
}

/// Waits until this member says that it follows, in a row that has this role.
async fn follows(client: &Client, cluster: &PatroniCluster, number: usize, role: &str) {
    says(client, cluster, number, "a secondary, and following a leader", role).await;
}

/// Waits until the last thing that this member says of itself is `words`, in a row that has this role. Patroni says it each second.
async fn says(client: &Client, cluster: &PatroniCluster, number: usize, words: &str, role: &str) {
    let pod = cluster.member(number).name();
    let what = format!("{pod} to say {words:?} as {role}");
    let sql = "SELECT message, role FROM log.patroni WHERE pod = $1 AND message LIKE 'no action. I am %' \
               ORDER BY log_time DESC LIMIT 1";
    eventually_true(&what, PATIENCE, || async {
        let Some(row) = client.query_opt(sql, &[&pod]).await? else { return Ok(false) };
        let (message, found): (String, Option<String>) = (row.get(0), row.get(1));
        anyhow::ensure!(
            message.contains(words) && found.as_deref() == Some(role),
            "it says {message:?} as {found:?}"
        );
        Ok(true)
    })
    .await
    .unwrap();
}

/// Levels and messages of a pod's rows, in the order of its file.
async fn stored(client: &Client, pod: &str) -> Vec<Record> {
    let sql =
        "SELECT error_severity::text, message FROM log.patroni WHERE pod = $1 ORDER BY position";
    let rows = client.query(sql, &[&pod]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Records of Patroni's default text: `time,milliseconds LEVEL: message`; other lines continue the message.
fn text_records(log: &str) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for line in log.strip_suffix('\n').unwrap().split('\n') {
        let is_start = line.len() > 23
            && line.is_char_boundary(23)
            && line[..23].bytes().all(|byte| b"0123456789-: ,".contains(&byte));
        match (is_start, records.last_mut()) {
            (false, Some((_, message))) => *message += &format!("\n{line}"),
            (false, None) => panic!("the log begins with {line:?}"),
            (true, _) => {
                let (level, message) = line[24..].split_once(": ").unwrap();
                records.push((level.to_owned(), message.to_owned()));
            }
        }
    }
    records
}

/// Records of Patroni's default JSON: an object a line, a traceback in a key of its own.
fn json_records(log: &str) -> Vec<Record> {
    let record = |line: &str| {
        let object: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| object[key].as_str().map(str::to_owned);
        let traceback = text("exc_info").map(|traceback| format!("\n{traceback}"));
        let message = text("message").unwrap() + &traceback.unwrap_or_default();
        (text("levelname").unwrap(), message)
    };
    log.lines().map(record).collect()
}

/// The sizes of a directory's files with names that end so.
fn sizes(directory: &Path, suffix: &str) -> u64 {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(suffix));
    files.map(|file| file.metadata().unwrap().len()).sum()
}
