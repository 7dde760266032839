//! Histograms and facets are exact: what a look at every row counts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rand::RngExt;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::request::Request;
use super::rows::store;
use super::{ask, seed, with};
use crate::service::start;

#[tokio::test(flavor = "multi_thread")]
async fn a_histogram_counts_every_row_once() {
    let (service, client, _database) = start(|_| {}).await;
    let mut random = seed();
    let rows = store(&client, &mut random, 300).await;
    for _ in 0..150 {
        let request = Request::random(&mut random);
        let mut pairs = request.pairs();
        pairs.retain(|(name, _)| name != "order");
        let step = ["30m", "1h", "6h", "1d"].choose(&mut random).unwrap();
        if random.random_bool(0.5) {
            pairs = with(&pairs, &[("step", step)]);
        }
        let answer = ask(&service, "histogram", &pairs).await;
        let step = answer["step"].as_i64().unwrap();
        let mut expected = BTreeMap::<(i64, String), i64>::new();
        for row in request.look_at(&rows) {
            let time: DateTime<Utc> = row["log_time"].as_str().unwrap().parse().unwrap();
            let severity = row.get("error_severity").and_then(Value::as_str).unwrap_or("NONE");
            // Steps begin where those of a week that begins on Monday do; of the ones here all divide a day.
            let begin = time.timestamp().div_euclid(step) * step;
            *expected.entry((begin, severity.to_owned())).or_default() += 1;
        }
        let mut found = BTreeMap::new();
        for bucket in answer["buckets"].as_array().unwrap() {
            let time: DateTime<Utc> = bucket["time"].as_str().unwrap().parse().unwrap();
            let severities = bucket["severities"].as_object().unwrap();
            let counts = severities.values().map(|count| count.as_i64().unwrap());
            assert_eq!(bucket["total"], counts.sum::<i64>());
            for (severity, count) in severities {
                found.insert((time.timestamp(), severity.clone()), count.as_i64().unwrap());
            }
        }
        assert_eq!(found, expected, "{pairs:?}");
        assert_eq!(answer["total"], expected.values().sum::<i64>());
        let span =
            |name: &str| answer[name].as_str().map(|time| time.parse::<DateTime<Utc>>().unwrap());
        if let (Some(from), Some(to)) = (span("from"), span("to")) {
            assert!((to - from).num_seconds() / step.max(1) <= 200, "{answer}");
        }
    }
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn facets_count_every_value_and_the_most_frequent_come_first() {
    let (service, client, _database) = start(|_| {}).await;
    let mut random = seed();
    let rows = store(&client, &mut random, 300).await;
    let columns =
        ["user_name", "error_severity", "process_id", "stream", "component", "message", "query_id"];
    for _ in 0..100 {
        let mut request = Request::random(&mut random);
        request.of_all_tables();
        let fields: Vec<_> =
            (0..random.random_range(1..4)).map(|_| *columns.choose(&mut random).unwrap()).collect();
        let mut pairs = request.pairs();
        pairs.retain(|(name, _)| name != "order");
        pairs.extend(fields.iter().map(|field| ("field".to_owned(), (*field).to_owned())));
        let answer = ask(&service, "facets", &with(&pairs, &[("limit", "3")])).await;
        let found = request.look_at(&rows);
        let mut distinct = fields.clone();
        let mut seen = std::collections::HashSet::new();
        distinct.retain(|field| seen.insert(*field));
        assert_eq!(answer["facets"].as_array().unwrap().len(), distinct.len());
        for (facet, field) in answer["facets"].as_array().unwrap().iter().zip(distinct) {
            let mut counts = BTreeMap::<Option<String>, i64>::new();
            for row in &found {
                let value = row.get(field).map(|value| match value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
                *counts.entry(value).or_default() += 1;
            }
            assert_eq!(facet["field"], field);
            assert_eq!(facet["distinct"], counts.len(), "{pairs:?}");
            let mut frequent: Vec<_> = counts.values().copied().collect();
            frequent.sort_unstable_by(|one, other| other.cmp(one));
            frequent.truncate(3);
            let values = facet["values"].as_array().unwrap();
            let shown: Vec<_> =
                values.iter().map(|value| value["count"].as_i64().unwrap()).collect();
            assert_eq!(shown, frequent, "{pairs:?}");
            for value in values {
                let name = value["value"].as_str().map(str::to_owned);
                assert_eq!(json!(counts[&name]), value["count"], "{field} {value}");
            }
        }
    }
    service.stopped().await;
}
