//! Who may send, and over what: shared keys, users, certificates, TLS; and peers that take their time.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trunkline_harness::wait::eventually_true;
use trunkline_harness::{CollectorConfig, Database, Store};
use trunkline_it::{PATIENCE, Pipeline, csvlog_record};

use crate::authority::Authority;

const TIMED_OUT: &str = "trunkline_ingester_refused_total{reason=\"timeout\"}";

/// A pipeline that reads `*.csv` of `directory`.
async fn pipeline(
    directory: &Path,
    collector: impl FnOnce(CollectorConfig) -> CollectorConfig,
) -> (Database, Pipeline) {
    let database = Store::database().await.unwrap();
    let glob = directory.join("*.csv").display().to_string();
    let pipeline = Pipeline::new(database.url(), |config| {
        collector(config.files(&glob, "csvlog").set("ship.backoff_max", "200ms"))
    })
    .unwrap();
    (database, pipeline)
}

fn path(directory: &Path, name: &str) -> String {
    directory.join(name).display().to_string()
}

/// Writes another file of records and waits until they are rows.
async fn delivers(pipeline: &Pipeline, directory: &Path, name: &str) {
    let log: String = (0..3).map(|at| csvlog_record(at, "LOG", &format!("{name} {at}"))).collect();
    fs::write(directory.join(format!("{name}.csv")), log).unwrap();
    let client = pipeline.connect().await.unwrap();
    let sql = "SELECT count(*) FROM log.postgres WHERE message LIKE $1";
    eventually_true(&format!("the records of {name}"), PATIENCE, || async {
        let like = format!("{name} %");
        Ok(matches!(client.query_one(sql, &[&like]).await, Ok(row) if row.get::<_, i64>(0) == 3))
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
}

/// Waits until the ingester has ended a connection for this reason, and the collector's log says so in these words.
async fn refuses(pipeline: &Pipeline, reason: &str, words: &str) {
    let count = format!("trunkline_ingester_refused_total{{reason=\"{reason}\"}}");
    eventually_true(&count, PATIENCE, || async {
        let metrics = reqwest::get(pipeline.url("/metrics")).await?.text().await?;
        Ok(metrics.contains(&count) && pipeline.logs().contains(words))
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    let client = pipeline.connect().await.unwrap();
    let rows = client.query_one("SELECT count(*) FROM log.postgres", &[]).await.unwrap();
    assert_eq!(rows.get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_travel_over_tls_from_who_holds_the_key_and_knows_the_password() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let authority = Authority::new();
    authority.write(at);
    authority.issue(at, "server", "ingester.test");
    fs::write(at.join("key"), "a shared key\n").unwrap();
    let (_database, pipeline) = pipeline(at, |config| {
        config
            .set("ship.shared_key_file", path(at, "key"))
            .set("ship.username", "reporter")
            .set("ship.password", "s3cret")
            .set("ship.tls.ca", path(at, "ca.pem"))
            .set("ship.tls.server_name", "ingester.test")
    })
    .await;
    let mut pipeline = pipeline
        .ingester_setting("forward.tls.certificate", path(at, "server.pem"))
        .ingester_setting("forward.tls.key", path(at, "server.key"))
        .ingester_setting(
            "forward.credentials",
            json!([
                {"name": "other", "shared_key": "another key"},
                {"name": "fleet", "shared_key": "a shared key", "username": "reporter",
                 "password": "s3cret", "namespaces": ["test"], "clusters": ["orders"]},
            ]),
        );
    pipeline.start().unwrap();
    delivers(&pipeline, at, "first").await;

    // Certificates of another authority take effect without a restart of either.
    let authority = Authority::new();
    authority.write(at);
    authority.issue(at, "server", "ingester.test");
    eventually_true("the new certificate", PATIENCE, || async {
        Ok(pipeline.logs().contains("certificate files were read again"))
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    pipeline.collector.take().unwrap().kill9().unwrap();
    pipeline.start_collector().unwrap();
    delivers(&pipeline, at, "second").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_is_refused_and_both_sides_say_so() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::write(at.join("a.csv"), csvlog_record(1, "LOG", "m")).unwrap();
    let (_database, pipeline) = pipeline(at, |config| config.set("ship.shared_key", "mine")).await;
    let mut pipeline = pipeline
        .ingester_setting("forward.credentials", json!([{"name": "a", "shared_key": "yours"}]));
    pipeline.start().unwrap();
    refuses(&pipeline, "unknown_client", "the server refuses: shared_key mismatch").await;
    assert!(!pipeline.logs().contains("yours"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_writes_only_what_its_name_is_bound_to() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let authority = Authority::new();
    authority.write(at);
    authority.issue(at, "server", "127.0.0.1");
    authority.issue(at, "client", "collector.test");
    let (_database, pipeline) = pipeline(at, |config| {
        config
            .set("ship.tls.ca", path(at, "ca.pem"))
            .set("ship.tls.certificate", path(at, "client.pem"))
            .set("ship.tls.key", path(at, "client.key"))
    })
    .await;
    let bound_to = |namespace: &str| json!([{"name": "c", "certificate": "collector.test", "namespaces": [namespace]}]);
    let mut pipeline = pipeline
        .ingester_setting("forward.tls.certificate", path(at, "server.pem"))
        .ingester_setting("forward.tls.key", path(at, "server.key"))
        .ingester_setting("forward.tls.client_ca", path(at, "ca.pem"))
        .ingester_setting("forward.credentials", bound_to("other"));
    fs::write(at.join("a.csv"), csvlog_record(1, "LOG", "m")).unwrap();
    pipeline.start().unwrap();
    refuses(&pipeline, "forbidden", "may not write namespace \"test\"").await;
    // The collector comes again and again; it is noted once, and the stream stays where it was.
    eventually_true("another refusal", PATIENCE, || async {
        let metrics = reqwest::get(pipeline.url("/metrics")).await?.text().await?;
        let count = metrics.lines().find_map(|line| {
            line.strip_prefix("trunkline_ingester_refused_total{reason=\"forbidden\"} ")
        });
        Ok(count.is_some_and(|count| count.parse::<u32>().unwrap() >= 4))
    })
    .await
    .unwrap();
    let client = pipeline.connect().await.unwrap();
    let noted = "SELECT position, namespace, cluster, reason, raw FROM log.rejected";
    eventually_true("the note", PATIENCE, || async {
        Ok(!client.query(noted, &[]).await?.is_empty())
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.logs()));
    let row = client.query_one(noted, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get(1), row.get(2)), (0, "test", "orders"));
    assert_eq!(row.get::<_, &str>(3), "credential \"c\" may not write namespace \"test\"");
    assert!(row.get::<_, &[u8]>(4).is_empty());
    let streams = client.query("SELECT FROM log.stream", &[]).await.unwrap();
    assert!(streams.is_empty(), "{streams:?}");

    pipeline.ingester.take().unwrap().kill9().unwrap();
    pipeline = pipeline.ingester_setting("forward.credentials", bound_to("te*"));
    pipeline.start_ingester().unwrap();
    delivers(&pipeline, at, "b").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_take_their_time_are_sent_away_and_others_are_served() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (_database, pipeline) = pipeline(at, |config| config.set("ship.shared_key", "key")).await;
    let socket = directory.path().join("forward.sock");
    let mut pipeline = pipeline
        .ingester_setting("forward.handshake_timeout", "1s")
        .ingester_setting("forward.unix", socket.display().to_string())
        .ingester_setting("forward.udp_heartbeat", true)
        .ingester_setting("forward.credentials", json!([{"name": "a", "shared_key": "key"}]));
    pipeline.start().unwrap();
    pipeline.ready().await.unwrap();

    // Neither one that says nothing nor one that says a little at a time gets further than HELO.
    let mut silent = TcpStream::connect(pipeline.forward_address()).await.unwrap();
    let mut local = tokio::net::UnixStream::connect(&socket).await.unwrap();
    local.write_all(b"\x96\xa4PI").await.unwrap();
    for peer in [&mut silent as &mut (dyn tokio::io::AsyncRead + Unpin), &mut local] {
        let mut heard = Vec::new();
        let read = tokio::time::timeout(PATIENCE, peer.read_to_end(&mut heard));
        // A reset is as good an end.
        let _ = read.await.unwrap();
        assert!(heard.windows(4).any(|part| part == b"HELO"), "{heard:?}");
        assert!(!heard.windows(4).any(|part| part == b"PONG"), "{heard:?}");
    }
    // On a slow machine the collector may have been late too.
    let timed_out = pipeline.metric(TIMED_OUT).await.unwrap();
    assert!(timed_out >= 2, "{timed_out}");

    // One that goes away instead of saying who it is, before PING and within it.
    for said in [b"".as_slice(), b"\x96\xa4PI"] {
        let mut peer = TcpStream::connect(pipeline.forward_address()).await.unwrap();
        peer.write_all(said).await.unwrap();
    }
    eventually_true("both to be counted", PATIENCE, || async {
        Ok(pipeline.metric("trunkline_ingester_vanished_total").await? >= 2)
    })
    .await
    .unwrap();

    let heartbeat = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    heartbeat.send_to(b"\0", pipeline.forward_address()).await.unwrap();
    let mut answer = [0; 8];
    let answered = tokio::time::timeout(PATIENCE, heartbeat.recv(&mut answer)).await.unwrap();
    assert_eq!(answered.unwrap(), 1);
    delivers(&pipeline, at, "c").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_never_ends_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (_database, pipeline) = pipeline(at, |config| config).await;
    let mut pipeline = pipeline.ingester_setting("forward.message_timeout", "300ms");
    pipeline.start().unwrap();
    pipeline.ready().await.unwrap();
    let mut slow = TcpStream::connect(pipeline.forward_address()).await.unwrap();
    slow.write_all(b"\x93\xa1t\xc6\x00\x10\x00\x00").await.unwrap();
    let ended = async {
        // A byte now and then doesn't help.
        while slow.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
    assert!(pipeline.metric(TIMED_OUT).await.unwrap() >= 1);
    delivers(&pipeline, at, "d").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_takes_no_more_than_its_share_of_connections() {
    let directory = tempfile::tempdir().unwrap();
    let (_database, pipeline) = pipeline(directory.path(), |config| config).await;
    let mut pipeline = pipeline.ingester_setting("forward.max_connections_per_address", 2);
    pipeline.start_ingester().unwrap();
    pipeline.ready().await.unwrap();
    let connect = || TcpStream::connect(pipeline.forward_address());
    let held = (connect().await.unwrap(), connect().await.unwrap());
    let mut third = connect().await.unwrap();
    let ended = tokio::time::timeout(PATIENCE, third.read(&mut [0; 1])).await.unwrap();
    assert!(!matches!(ended, Ok(1..)));
    let metrics = reqwest::get(pipeline.url("/metrics")).await.unwrap().text().await.unwrap();
    let refused = "trunkline_ingester_refused_total{reason=\"connections_per_address\"} 1";
    assert!(metrics.contains(refused), "{metrics}");
    // Their places are free again.
    drop(held);
    pipeline.start_collector().unwrap();
    delivers(&pipeline, directory.path(), "after").await;
}
