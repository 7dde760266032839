//! Search truth: what the API answers is what a plain look at every row gives, for thousands of random requests.

mod condition;
mod counts;
mod request;
mod rows;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::service::{Service, start};
use request::Request;
use rows::store;

/// A seed for all that is random in a test, so that it can be run again.
fn seed() -> StdRng {
    let seed = std::env::var("TRUNKLINE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(rand::random::<u64>);
    println!("TRUNKLINE_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

async fn get(service: &Service, pairs: &[(String, String)]) -> Value {
    ask(service, "logs", pairs).await
}

async fn ask(service: &Service, endpoint: &str, pairs: &[(String, String)]) -> Value {
    let url = service.url(&format!("/api/v1/{endpoint}"));
    let request = reqwest::Client::new().get(url).query(pairs);
    let answer = request.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, 200, "{pairs:?}: {text}");
    serde_json::from_str(&text).unwrap()
}

fn rows_of(answer: &Value) -> Vec<Value> {
    answer["rows"].as_array().unwrap().clone()
}

fn with(pairs: &[(String, String)], more: &[(&str, &str)]) -> Vec<(String, String)> {
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    pairs.iter().cloned().chain(more).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn random_requests_get_what_a_look_at_every_row_gives() {
    const REQUESTS: usize = 2_500;
    let (service, client, _database) = start(|_| {}).await;
    let mut random = seed();
    let rows = store(&client, &mut random, 400).await;
    let mut found = 0;
    for _ in 0..REQUESTS / 50 {
        let requests: Vec<_> = (0..50).map(|_| Request::random(&mut random)).collect();
        let service = &service;
        let asked = requests.iter().map(|request| async move {
            let pairs = with(&request.pairs(), &[("limit", "10000")]);
            (request, rows_of(&get(service, &pairs).await))
        });
        for (request, answer) in futures_util::future::join_all(asked).await {
            let expected = request.look_at(&rows);
            found += expected.len();
            assert_eq!(answer, expected, "{:?}", request.pairs());
        }
    }
    // Requests that find nothing, or all, would prove little.
    let share = found as f64 / (REQUESTS * rows.len()) as f64;
    assert!((0.02..0.6).contains(&share), "{share}");
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_join_without_a_gap_in_both_orders_and_both_directions() {
    let (service, client, _database) = start(|_| {}).await;
    let mut random = seed();
    let rows = store(&client, &mut random, 300).await;
    for _ in 0..60 {
        let request = Request::random(&mut random);
        let expected = request.look_at(&rows);
        let limit = random.random_range(1..40).to_string();
        let first = with(&request.pairs(), &[("limit", &limit)]);
        let mut pages = vec![get(&service, &first).await];
        while let Some(cursor) = pages.last().unwrap()["next_cursor"].as_str() {
            pages.push(get(&service, &with(&first, &[("cursor", cursor)])).await);
        }
        let joined: Vec<_> = pages.iter().flat_map(rows_of).collect();
        assert_eq!(joined, expected, "{first:?}");
        assert_eq!(pages[0]["previous_cursor"], Value::Null);
        // And back again, from the last page to the first.
        for before in (1..pages.len()).rev() {
            let cursor = pages[before]["previous_cursor"].as_str().unwrap();
            let page = get(&service, &with(&first, &[("cursor", cursor)])).await;
            assert_eq!(page["rows"], pages[before - 1]["rows"], "{first:?}");
            assert_eq!(page["previous_cursor"].is_null(), before == 1, "{first:?}");
            let next = page["next_cursor"].as_str().unwrap();
            let again = get(&service, &with(&first, &[("cursor", next)])).await;
            assert_eq!(again["rows"], pages[before]["rows"], "{first:?}");
        }
    }
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_the_rows_of_all_pages() {
    let (service, client, _database) = start(|_| {}).await;
    let mut random = seed();
    let rows = store(&client, &mut random, 300).await;
    for _ in 0..20 {
        let request = Request::random(&mut random);
        let pairs = with(&request.pairs(), &[("limit", "all")]);
        let asked = reqwest::Client::new().get(service.url("/api/v1/logs")).query(&pairs);
        let answer = asked.header("accept", "application/x-ndjson").send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
        let text = answer.text().await.unwrap();
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, request.look_at(&rows), "{pairs:?}");
    }
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_is_read_back_by_a_reader_of_its_own() {
    let (service, client, _database) = start(|_| {}).await;
    let mut random = seed();
    let rows = store(&client, &mut random, 300).await;
    let expected = Request::everything().look_at(&rows);
    let url = service.url("/api/v1/logs?table=all&format=csv&limit=all");
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().unwrap().clone();
    let read: Vec<_> = reader.records().map(|record| record.unwrap()).collect();
    assert_eq!(read.len(), expected.len());
    for (record, row) in read.iter().zip(&expected) {
        for (name, field) in names.iter().zip(record) {
            let value = match &row[name] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(field, value, "{name} of {row}");
        }
    }
    service.stopped().await;
}
