//! `GET /api/v1/logs` and the pages for operators, asked over HTTP and compared with the rows.

use serde_json::Value;
use trunkline_harness::{Database, Store};
use trunkline_it::{Pipeline, Sender, csvlog_record};
use trunkline_record::StreamId;

const ROWS: u32 = 250;

/// A store with known rows: two of each second, from two streams; every tenth second an error.
async fn filled() -> (Pipeline, Database) {
    let database = Store::database().await.unwrap();
    let mut pipeline = Pipeline::new(database.url(), |config| config).unwrap();
    pipeline.start_ingester().unwrap();
    pipeline.ready().await.unwrap();
    for stream in [1, 2] {
        let log: String = (0..ROWS / 2)
            .map(|second| {
                let severity = if second % 10 == 0 { "ERROR" } else { "LOG" };
                csvlog_record(
                    second,
                    severity,
                    &format!("row {second} of 10.0.0.5 100%_\\ \"Public.Foo\" 🐘"),
                )
            })
            .collect();
        let mut sender =
            Sender::connect(&pipeline.forward_address(), StreamId([stream; 16])).await.unwrap();
        sender.send(log.as_bytes(), 0, 0).await.unwrap();
        sender.answer().await.unwrap();
    }
    (pipeline, database)
}

async fn get(pipeline: &Pipeline, parameters: &[(&str, &str)]) -> (u16, Value) {
    let request = reqwest::Client::new().get(pipeline.url("/api/v1/logs")).query(parameters);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The rows of an answer as `second-of-day stream`.
fn rows(answer: &Value) -> Vec<String> {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let rows = answer["rows"].as_array().unwrap().iter();
    rows.map(|row| format!("{} {}", text(row, "log_time"), &text(row, "stream")[..2])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_newest_first_and_pages_join_without_a_gap_at_equal_times() {
    let (pipeline, _database) = filled().await;
    let (status, all) =
        get(&pipeline, &[("from", "2026-11-22T00:00:00Z"), ("limit", "1000")]).await;
    assert_eq!(status, 200, "{all}");
    let all = rows(&all);
    assert_eq!(all.len(), ROWS as usize);
    assert!(all.is_sorted_by(|newer, older| newer > older), "{all:?}");

    let (mut paged, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut parameters = vec![("from", "2026-11-22T00:00:00Z"), ("limit", "7")];
        if let Some(cursor) = &cursor {
            parameters.push(("cursor", cursor));
        }
        let (status, page) = get(&pipeline, &parameters).await;
        assert_eq!(status, 200, "{page}");
        paged.extend(rows(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(paged, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_find_what_they_say() {
    let (pipeline, _database) = filled().await;
    let from = ("from", "2026-11-22T00:00:00Z");
    let errors = 2 * (ROWS as usize / 2).div_ceil(10);
    for (parameters, expected) in [
        (vec![("severity", "ERROR")], errors),
        (vec![("severity", "ERROR"), ("severity", "LOG")], ROWS as usize),
        (vec![("cluster", "orders")], ROWS as usize),
        (vec![("cluster", "other")], 0),
        (vec![("text", "10.0.0.5")], ROWS as usize),
        (vec![("text", "public.foo")], ROWS as usize),
        (vec![("text", "ROW 17 OF")], 2),
        (vec![("text", "100%_\\")], ROWS as usize),
        (vec![("text", "100_")], 0),
        (vec![("text", "🐘")], ROWS as usize),
        (vec![("to", "2026-11-22T00:00:10Z")], 20),
        (vec![("from", "2026-11-22T00:01:00Z"), ("to", "2026-11-22T00:01:10Z")], 20),
    ] {
        let mut all = vec![("limit", "1000")];
        if !parameters.iter().any(|(name, _)| *name == "from") {
            all.push(from);
        }
        all.extend(parameters.iter().copied());
        let (status, answer) = get(&pipeline, &all).await;
        assert_eq!(status, 200, "{parameters:?}: {answer}");
        assert_eq!(rows(&answer).len(), expected, "{parameters:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_has_the_columns_by_their_names() {
    let (pipeline, _database) = filled().await;
    let (_, answer) =
        get(&pipeline, &[("from", "2026-11-22T00:00:00Z"), ("text", "row 3 of"), ("limit", "1")])
            .await;
    let row = &answer["rows"][0];
    for (key, value) in [
        ("log_time", Value::from("2026-11-22T00:00:03.715Z")),
        ("error_severity", "LOG".into()),
        ("user_name", "app".into()),
        ("process_id", 4711.into()),
        ("message", "row 3 of 10.0.0.5 100%_\\ \"Public.Foo\" 🐘".into()),
        ("cluster", "orders".into()),
        ("query_id", (-42).into()),
        ("stream", StreamId([2; 16]).to_string().into()),
    ] {
        assert_eq!(row[key], value, "{key} in {row}");
    }
    assert!(row.get("detail").is_none(), "NULL is left out: {row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_is_said_as_a_problem() {
    let (pipeline, _database) = filled().await;
    for (parameter, value) in [
        ("severity", "LOUD"),
        ("from", "yesterday-ish"),
        ("limit", "-1"),
        ("limit", "many"),
        ("cursor", "not-a-cursor"),
        ("colour", "red"),
        ("text", "nul\0"),
    ] {
        let (status, problem) = get(&pipeline, &[(parameter, value)]).await;
        assert_eq!(status, 400, "{parameter}={value}: {problem}");
        assert!(problem.to_string().contains(parameter), "{problem}");
        assert!(problem["title"].is_string() && problem["status"] == 400, "{problem}");
    }
    let answer = reqwest::get(pipeline.url("/api/v1/logs?limit=x")).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_of_both_services_count_what_was_done() {
    let database = Store::database().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.csv");
    let log = csvlog_record(1, "LOG", "one") + "garbage\n" + &csvlog_record(2, "LOG", "two");
    std::fs::write(&path, &log).unwrap();
    let glob = path.display().to_string();
    let mut pipeline =
        Pipeline::new(database.url(), |config| config.files(&glob, "csvlog")).unwrap();
    pipeline.start().unwrap();
    pipeline.stored(log.len() as u64).await.unwrap();
    let ingester = reqwest::get(pipeline.url("/metrics")).await.unwrap().text().await.unwrap();
    for line in [
        "trunkline_ingester_rows_total{table=\"postgres\"} 2",
        "trunkline_ingester_rejected_total 1",
        "trunkline_ingester_batches_total 1",
    ] {
        assert!(ingester.lines().any(|other| other == line), "{line} in\n{ingester}");
    }
    trunkline_harness::wait::eventually_true(
        "the collector to count its acks",
        trunkline_it::PATIENCE,
        || async {
            let text = reqwest::get(pipeline.collector_url("/metrics")).await?.text().await?;
            let all = [
                "trunkline_collector_records_total 2",
                "trunkline_collector_rejected_total 1",
                "trunkline_collector_acked_chunks_total 1",
                "trunkline_collector_unacked_chunks 0",
                "trunkline_collector_lag_bytes 0",
            ];
            anyhow::ensure!(
                all.iter().all(|line| text.lines().any(|other| &other == line)),
                "{text}"
            );
            Ok(true)
        },
    )
    .await
    .unwrap();
}
