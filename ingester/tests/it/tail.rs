//! Rows as they are committed: each client gets exactly its own, whatever the order of commits, and whatever becomes of its connection.

pub mod client;
mod truth;

use std::time::Duration;

use serde_json::Value;
use trunkline_record::{StreamId, Table};

use crate::sender::{RECORD, chunk_of, chunks, log, record, record_of};
use crate::service::{eventually, number, start};
use client::{Client, Said};

fn messages(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| row["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_shown_as_logs_shows_them_from_now_on() {
    let (service, _client, _database) = start(|_| {}).await;
    let mut sender = service.sender(1).await;
    sender.send(&chunk_of(0, &[record_of(Table::Postgres, 1, b"before")]), 0).await;
    assert!(sender.ack().await.is_some());
    let mut all = Client::connect(&service, "table=all", None).await;
    let mut some = Client::connect(&service, "text=NUMBER%202", None).await;
    let records =
        [b"number 1", b"number 2", b"number 3"].map(|text| record_of(Table::Postgres, 2, text));
    let patroni = record_of(Table::Patroni, 3, b"of patroni");
    sender.send(&chunk_of(RECORD, &[&records[..], &[patroni]].concat()), RECORD).await;
    assert!(sender.ack().await.is_some());
    assert_eq!(messages(&all.rows(4).await), ["number 1", "number 2", "number 3", "of patroni"]);
    let shown = some.rows(1).await;
    let page = reqwest::get(service.url("/api/v1/logs?text=number%202")).await.unwrap();
    let page: Value = page.json().await.unwrap();
    assert_eq!(Value::from(shown), page["rows"]);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_goes_on_where_it_was() {
    let (service, _client, _database) = start(|_| {}).await;
    let mut sender = service.sender(1).await;
    let all = chunks(&log(40), 1);
    let mut client = Client::connect(&service, "", None).await;
    let (mut shown, mut sent) = (Vec::new(), 0);
    for end in [10, 20, 30, 40] {
        // Some come while nobody is connected.
        for chunk in &all[sent..end] {
            sender.send(chunk, chunk.from).await;
            assert!(sender.ack().await.is_some());
        }
        sent = end;
        shown.extend(messages(&client.rows(end - shown.len()).await));
        let token = client.token.clone();
        drop(client);
        client = Client::connect(&service, "", Some(&token)).await;
    }
    let wanted: Vec<_> = (0..40).map(|at| format!("message {at}")).collect();
    assert_eq!(shown, wanted);
    // The token is also one for a program that can't set headers.
    let after = Client::connect(&service, &format!("after={}", client.token), None).await;
    assert_eq!(after.token, client.token);
    let (token, before) = (client.token, reqwest::Client::new());
    for wrong in ["1", &token[1..].replace(':', ";"), &format!("{token}.1")] {
        let url = service.url("/api/v1/tail");
        let answer = before.get(url).header("last-event-id", wrong).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{wrong}");
    }
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_again_filled_in_or_admitted_is_shown_once() {
    let (service, database, _database) = start(|config| {
        config.database.log_time_past = Duration::from_secs(30 * 86_400);
    })
    .await;
    let mut client = Client::connect(&service, "", None).await;
    let lines: String = (0..20)
        .map(|at| {
            let line = record(at, "LOG", &format!("line {at}"));
            // Some with a time that isn't believed.
            if at % 5 == 2 { line.replacen("2026-11-22", "2006-11-22", 1) } else { line }
        })
        .collect();
    let cut = |bytes: usize| chunks(lines.as_bytes(), bytes);
    let (small, large) = (cut(1), cut(1 << 20));
    // From a sender that keeps no order: some in the middle first, then all of it, then again.
    let mut sender = service.sender(1).await;
    for chunk in [&small[7], &small[3], &small[12], &large[0], &small[4], &large[0]] {
        sender.send(chunk, None).await;
        assert!(sender.ack().await.is_some());
    }
    let mut shown = messages(&client.rows(16).await);
    assert_eq!(number(&database, "SELECT log.admit_rejected()").await, 4);
    shown.extend(messages(&client.rows(4).await));
    assert_eq!(client.nothing_more(&service, &mut sender).await, ["last"]);
    let late = shown.split_off(16);
    assert_eq!(late, [2, 7, 12, 17].map(|at| format!("line {at}")));
    shown.extend(late);
    shown.sort_unstable();
    let mut wanted: Vec<_> = (0..20).map(|at| format!("line {at}")).collect();
    wanted.sort_unstable();
    assert_eq!(shown, wanted);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_is_told_how_many_of_its_rows_it_misses() {
    let (service, database, _database) = start(|config| config.http.tail_behind = 2_000).await;
    let mut client = Client::connect(&service, "severity=ERROR", None).await;
    let mut sender = service.sender(1).await;
    // More than the system's buffers hold: what comes behind it waits.
    let long = "x".repeat(60_000);
    let mut sent = 0;
    for at in 0..60_u32 {
        let lines: String = (0..100)
            .map(|line| {
                let severity = if line % 4 == 0 { "ERROR" } else { "LOG" };
                record(line, severity, &format!("{at} {line} {long}"))
            })
            .collect();
        let chunk = &chunks(lines.as_bytes(), usize::MAX)[0];
        sender.change(StreamId([u8::try_from(at).unwrap() + 1; 16]), "orders");
        sender.send(chunk, 0).await;
        assert!(sender.ack().await.is_some());
        sent += 25;
    }
    let (mut shown, mut skipped) = (Vec::new(), Vec::new());
    while shown.len() + skipped.iter().sum::<usize>() < sent {
        match client.next().await {
            Said::Rows(rows) => shown.extend(rows.iter().map(|row| {
                let message = row["message"].as_str().unwrap();
                message[..message.len() - long.len()].to_owned()
            })),
            Said::Skipped(rows) => skipped.push(usize::try_from(rows.unwrap()).unwrap()),
        }
    }
    let count = shown.len();
    let stored =
        number(&database, "SELECT count(*) FROM log.postgres WHERE error_severity = 'ERROR'").await;
    assert_eq!(stored, 1_500);
    assert_eq!(count + skipped.iter().sum::<usize>(), sent, "{count} shown, {skipped:?} skipped");
    shown.sort_unstable();
    shown.dedup();
    assert_eq!(shown.len(), count, "rows are shown twice");
    assert!(!skipped.is_empty(), "{count} shown");
    service.stopped().await;
}

/// Regression: transactions were taken in the order of their numbers' texts, so that of several groups some were shown twice.
#[tokio::test(flavor = "multi_thread")]
async fn groups_of_transactions_come_by_their_numbers() {
    let (service, database, _database) = start(|_| {}).await;
    // Each is so large that a group ends with it.
    database
        .batch_execute(
            "INSERT INTO log.postgres (log_time, error_severity, message, stream, position) \
             SELECT '2026-11-22', 'LOG', 'of ' || n, md5('a')::uuid, n FROM generate_series(8, 12) AS n; \
             INSERT INTO log.feed (xid, table_name, stream, begins, ends, rows, oldest, newest) \
             SELECT n::text::xid8, 'postgres', md5('a')::uuid, n, n + 1, 5000, '2026-11-22', '2026-11-22' \
             FROM generate_series(8, 12) AS n",
        )
        .await
        .unwrap();
    let now = Client::connect(&service, "", None).await;
    let (at, _) = now.token.split_once('.').unwrap();
    let mut client = Client::connect(&service, "", Some(&format!("{at}.5:5:"))).await;
    let mut sender = service.sender(1).await;
    let shown = client.nothing_more(&service, &mut sender).await;
    assert_eq!(shown, ["of 8", "of 9", "of 10", "of 11", "of 12", "last"]);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_too_old_or_of_a_lost_history_is_told_so() {
    let (service, database, _database) = start(|_| {}).await;
    let client = Client::connect(&service, "", None).await;
    let (at, seen) = client.token.split_once('.').unwrap();
    let day_before = at.parse::<i64>().unwrap() - 86_400;
    let next: u64 = seen.split(':').nth(1).unwrap().parse().unwrap();
    let ahead = next + 1_000_000;
    for token in [format!("{day_before}.{seen}"), format!("{at}.{ahead}:{ahead}:")] {
        let mut client = Client::connect(&service, "", Some(&token)).await;
        assert_eq!(client.next().await, Said::Skipped(None), "{token}");
        let mut sender = service.sender(1).await;
        assert_eq!(client.nothing_more(&service, &mut sender).await, ["last"]);
    }
    // What is trimmed is older than any token.
    database
        .batch_execute(
            "UPDATE log.feed SET stored_at = stored_at - interval '4 hours' WHERE xid = (SELECT min(xid) FROM log.feed)",
        )
        .await
        .unwrap();
    let before = number(&database, "SELECT count(*) FROM log.feed").await;
    assert_eq!(number(&database, "SELECT log.trim_feed()").await, 1);
    assert_eq!(number(&database, "SELECT count(*) FROM log.feed").await, before - 1);
    assert_eq!(number(&database, "SELECT log.trim_feed()").await, 0);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_watches_for_those_who_left_and_there_is_a_bound() {
    let (service, database, _database) = start(|config| config.http.tail_clients = 2).await;
    let watching = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND query LIKE 'SELECT pg_current_snapshot()%' AND state_change > now() - interval '1 second'";
    let clients =
        [Client::connect(&service, "", None).await, Client::connect(&service, "", None).await];
    let url = service.url("/api/v1/tail");
    let third = reqwest::get(&url).await.unwrap();
    assert_eq!(third.status(), 503);
    assert_eq!(reqwest::get(service.url("/api/v1/tail?clutser=a")).await.unwrap().status(), 400);
    assert_eq!(number(&database, watching).await, 1);
    drop(clients);
    eventually("the places to be free", async || {
        let answer = reqwest::get(&url).await.unwrap();
        answer.status() == 200
    })
    .await;
    eventually("nobody to look any more", async || number(&database, watching).await == 0).await;
    assert_eq!(reqwest::get(service.url("/api/v1/tail?regex=((")).await.unwrap().status(), 400);
    // A stop doesn't wait for those who watch.
    let mut watching = Client::connect(&service, "", None).await;
    service.stopped().await;
    assert!(watching.has_ended().await);
}
