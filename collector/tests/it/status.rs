//! The pages, as a person or a probe gets them.

use std::{fs, net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep},
};
use trunkline_collector::config::Config;

use crate::{
    csvlog::record,
    receiver::{Fate, PATIENCE, Receiver},
    running::{Running, config},
};

/// Has the collector listen on a port that is free now.
pub fn listen(config: &mut Config) -> SocketAddr {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    config.http.listen = free.to_string();
    free
}

/// The JSON of a page.
pub async fn page(address: SocketAddr, path: &str) -> Value {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// Waits until `/status` is as expected, for at most 20 seconds.
pub async fn wait(address: SocketAddr, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        // The collector may not listen yet.
        if TcpStream::connect(address).await.is_ok() {
            let status = page(address, "/status").await;
            if holds(&status) {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "{what}: {status:#}");
        }
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_tells_of_each_stream_how_far_it_is() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("log")).unwrap();
    let receiver = Receiver::start().await;
    let mut config = config(dir.path(), &receiver);
    config.ship.ack_timeout = Duration::from_secs(60);
    config.source.cluster = Some("orders".into());
    let address = listen(&mut config);
    let file = dir.path().join("log/a.csv");
    let text = record("one") + &record("two") + "torn,\"\n\n" + &record("three");
    fs::write(&file, &text).unwrap();
    let running = Running::start(config);
    let status =
        wait(address, "all acknowledged", |status| status["streams"][0]["acked"] == text.len())
            .await;
    let stream = &status["streams"][0];
    assert_eq!(stream["path"], file.to_str().unwrap());
    assert_eq!(stream["format"], "csvlog");
    assert_eq!(stream["source"]["cluster"], "orders");
    assert_eq!(stream["source"]["pod"], "pod-0");
    assert_eq!((&stream["size"], &stream["position"]), (&text.len().into(), &text.len().into()));
    assert_eq!((&stream["lag_bytes"], &stream["lag_seconds"]), (&0.into(), &0.0.into()));
    assert_eq!((&stream["records"], &stream["rejected"]), (&4.into(), &1.into()));
    assert!(stream["last_record_at"].as_str().unwrap().starts_with("2026-"), "{stream}");
    assert_eq!(status["ship"]["connected_to"], receiver.address.to_string());
    assert_eq!(status["ship"]["unacked_bytes"], 0);
    assert_eq!(status["problems"], Value::Array(Vec::new()));
    assert!(status.get("kubernetes").is_none() && status.get("patroni").is_none());

    receiver.decide(|_| Fate::Ignore);
    fs::write(dir.path().join("log/b.csv"), record("four")).unwrap();
    let status = wait(address, "lag of the new file", |status| {
        status["streams"][0]["lag_bytes"] == record("four").len()
            && status["ship"]["unacked_bytes"].as_i64().unwrap() > 0
            && status["streams"][0]["lag_seconds"].as_f64().unwrap() > 0.0
    })
    .await;
    assert_eq!(status["streams_known"], 2);
    assert!(status["streams"][0]["path"].as_str().unwrap().ends_with("b.csv"), "who lags is first");
    let limited = page(address, "/status?limit=1").await;
    assert_eq!(limited["streams"].as_array().unwrap().len(), 1);
    receiver.decide(|_| Fate::Ack);
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let mut config = config(dir.path(), &receiver);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    config.ship.address = trunkline_collector::config::Addresses::One(nobody.to_string());
    let address = listen(&mut config);
    // Whoever may read everything, as root, can't read what isn't what its name says.
    fs::create_dir(dir.path().join("log")).unwrap();
    let damaged = [&[0x1f, 0x8b][..], &[0; 30]].concat();
    fs::write(dir.path().join("log/a.csv.gz"), damaged).unwrap();
    let running = Running::start(config);
    let status = wait(address, "an error", |status| !status["ship"]["last_error"].is_null()).await;
    assert_eq!(status["ship"]["connected"], false);
    let error = status["ship"]["last_error"]["error"].as_str().unwrap();
    assert!(error.contains("refused"), "{error}");
    let problems = status["problems"].to_string();
    assert!(problems.contains("not connected to"), "{problems}");
    wait(address, "the damaged file", |status| {
        status["problems"].to_string().contains("log/a.csv.gz: ")
    })
    .await;
    running.kill().await;
}
