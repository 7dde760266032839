//! Queries that can't be answered, or that nobody waits for any more.

use std::time::Duration;

use serde_json::Value;
use trunkline_record::{Column, Severity, Table};

use crate::sender::{chunk_of, chunks, record, record_of};
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
        start(|config| config.http.query_timeout = Duration::from_millis(400)).await;
    let mut stuck = database.connect().await.unwrap();
    let lock = stuck.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE log.postgres IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let answer = reqwest::get(service.url("/api/v1/logs")).await.unwrap();
    assert_eq!(answer.status(), 422);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    eventually("the query to be ended", async || number(&client, WAITING).await == 0).await;
    lock.rollback().await.unwrap();
    // On a busy machine any query may take too long.
    eventually("an answer", async || service.status("/api/v1/logs").await == 200).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn each_table_is_asked_for_by_its_name() {
    let (service, _client, _database) = start(|_| {}).await;
    let mut patroni = record_of(Table::Patroni, 1, b"no action");
    patroni.error_severity = Some(Severity::Info);
    patroni.process_id = Some(7);
    for (column, text) in [(Column::Logger, "patroni.ha"), (Column::Thread, "MainThread")] {
        patroni.set_text(column, Some(text.as_bytes()));
    }
    patroni.set_text(Column::Location, Some(b"ha.py"));
    patroni.extra = Some(br#"{"a": [1]}"#);
    let mut component = record_of(Table::Component, 2, b"stats \xff");
    component.set_text(Column::Component, Some(b"pgbouncer"));
    let other = record_of(Table::Component, 3, b"stats too");
    let mut sender = service.sender(1).await;
    sender
        .send(
            &chunk_of(0, &[patroni, component, other, record_of(Table::Postgres, 4, b"server's")]),
            0,
        )
        .await;
    assert!(sender.ack().await.is_some());
    let ask = async |query: &str| -> Vec<Value> {
        let url = service.url(&format!("/api/v1/logs?from=2026-11-01T00:00:00Z&{query}"));
        let mut page: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        serde_json::from_value(page["rows"].take()).unwrap()
    };
    let place = ("orders", "orders-0", "01010101-0101-0101-0101-010101010101");
    let patroni = serde_json::json!({
        "log_time": "2026-11-22T00:00:01Z", "cluster": place.0, "pod": place.1, "stream": place.2, "position": 0,
        "error_severity": "INFO", "logger": "patroni.ha", "thread": "MainThread", "process_id": 7,
        "message": "no action", "location": "ha.py", "extra": {"a": [1]},
    });
    let component = serde_json::json!({
        "log_time": "2026-11-22T00:00:02Z", "cluster": place.0, "pod": place.1, "stream": place.2, "position": 100,
        "component": "pgbouncer", "message": "stats \\xff", "escaped": ["message"],
    });
    assert_eq!(ask("table=patroni").await, std::slice::from_ref(&patroni));
    assert_eq!(ask("table=patroni&cluster=orders&severity=INFO&text=PATRONI.h").await, [patroni]);
    assert_eq!(ask("table=patroni&severity=ERROR").await, [] as [Value; 0]);
    assert_eq!(ask("table=component&text=bouncer").await, [component]);
    let messages = |rows: &[Value]| -> Vec<String> {
        rows.iter().map(|row| row["message"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(messages(&ask("table=component").await), ["stats too", "stats \\xff"]);
    assert_eq!(messages(&ask("table=postgres").await), ["server's"]);
    assert_eq!(messages(&ask("limit=10").await), ["server's"]);
    // A page's cursor leads to the next, in each table alike.
    let url = service.url("/api/v1/logs?table=component&limit=1");
    let page: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    let next =
        ask(&format!("table=component&cursor={}", page["next_cursor"].as_str().unwrap())).await;
    assert_eq!(messages(&next), ["stats \\xff"]);
    let answer = reqwest::get(service.url("/api/v1/logs?table=stream")).await.unwrap();
    assert_eq!(answer.status(), 400);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["parameter"], "table", "{problem}");
    service.stopped().await;
}
