//! Queries that can't be answered, or that nobody waits for any more.

use std::time::Duration;

use crate::sender::{chunks, record};
use crate::service::{eventually, number, start};

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                       AND application_name = 'trunkline-ingester' AND wait_event_type = 'Lock'";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_takes_its_query_with_it() {
    let (service, client, database) = start(|_| {}).await;
    let mut stuck = database.connect().await.unwrap();
    let lock = stuck.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE log.postgres IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let request = tokio::spawn(reqwest::get(service.url("/api/v1/logs?from=-1h")));
    eventually("the query to wait", async || number(&client, WAITING).await == 1).await;
    request.abort();
    eventually("the query to be cancelled", async || number(&client, WAITING).await == 0).await;
    lock.rollback().await.unwrap();
    assert_eq!(service.status("/api/v1/logs?from=-1h").await, 200);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_takes_too_long_is_ended_and_said_so() {
    let (service, client, database) =
        start(|config| config.http.query_timeout = Duration::from_millis(200)).await;
    let mut stuck = database.connect().await.unwrap();
    let lock = stuck.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE log.postgres IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let answer = reqwest::get(service.url("/api/v1/logs")).await.unwrap();
    assert_eq!(answer.status(), 504);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(number(&client, WAITING).await, 0);
    lock.rollback().await.unwrap();
    assert_eq!(service.status("/api/v1/logs").await, 200);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_huge_rows_ends_early_and_the_next_goes_on() {
    let (service, _client, _database) = start(|_| {}).await;
    let large = "x".repeat(3 << 20);
    let log: String = (0..12).map(|at| record(at, "LOG", &large)).collect();
    let mut sender = service.sender(1).await;
    for chunk in chunks(log.as_bytes(), 8 << 20) {
        sender.send(&chunk, chunk.from).await;
        assert!(sender.ack().await.is_some());
    }
    let (mut rows, mut pages, mut cursor) = (0, 0, String::new());
    loop {
        let url = service.url(&format!("/api/v1/logs?from=2026-11-01T00:00:00Z{cursor}"));
        let page: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        rows += page["rows"].as_array().unwrap().len();
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((rows, pages), (12, 2));
    service.stopped().await;
}
