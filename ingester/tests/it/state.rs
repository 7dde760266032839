//! How the fleet and the store are, as the API says it.

use serde_json::{Value, json};
use trunkline_record::{Column, Severity, Source, StreamId, Table, Timestamp};

use crate::sender::{Sender, chunk_of, chunks, record, record_of};
use crate::service::{Service, start};

async fn get(service: &Service, path: &str) -> Value {
    let answer = reqwest::get(service.url(path)).await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).unwrap()
}

/// Stores a record of now of each of these severities, of this stream and pod.
async fn store(service: &Service, stream: u8, source: &Source, severities: &[Severity]) {
    let now = Timestamp { unix_micros: chrono::Utc::now().timestamp_micros(), digits: 6 };
    let records: Vec<_> = severities
        .iter()
        .map(|severity| {
            let mut record = record_of(Table::Postgres, 0, b"of now");
            record.log_time = now;
            record.error_severity = Some(*severity);
            record
        })
        .collect();
    let mut sender = service.sender(stream).await;
    sender.send_from(source, &chunk_of(0, &records), 0).await;
    assert!(sender.ack().await.is_some());
}

fn source(pod: &str, role: &str) -> Source {
    Source {
        namespace: Some("shop".into()),
        cluster: Some("orders".into()),
        pod: Some(pod.into()),
        role: Some(role.into()),
        ..Source::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fleet_shows_what_each_pod_writes_and_who_leads() {
    use Severity::{Error, Fatal, Log};
    let (service, _client, _database) = start(|_| {}).await;
    store(&service, 1, &source("orders-0", "primary"), &[Log, Error, Fatal]).await;
    store(&service, 2, &source("orders-1", "replica"), &[Log]).await;
    let fleet = get(&service, "/api/v1/fleet").await;
    let cluster = &fleet["clusters"][0];
    assert_eq!(fleet["clusters"].as_array().unwrap().len(), 1, "{fleet}");
    assert_eq!((&cluster["namespace"], &cluster["cluster"]), (&json!("shop"), &json!("orders")));
    assert_eq!(
        (&cluster["rows_per_minute"], &cluster["errors_per_minute"]),
        (&json!(4), &json!(2))
    );
    assert_eq!(cluster["last_failover"], Value::Null, "{fleet}");
    let pods = cluster["pods"].as_array().unwrap();
    let shown: Vec<_> =
        pods.iter().map(|pod| (&pod["pod"], &pod["role"], &pod["errors_per_minute"])).collect();
    assert_eq!(
        shown,
        [
            (&json!("orders-0"), &json!("primary"), &json!(2)),
            (&json!("orders-1"), &json!("replica"), &json!(0))
        ]
    );
    assert!(pods.iter().all(|pod| pod["lag_s"].is_i64()), "{fleet}");
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_is_known_by_roles_and_by_patroni_and_shown_once() {
    let (service, _client, _database) = start(|_| {}).await;
    let failovers = async |query: &str| {
        let answer = get(&service, &format!("/api/v1/failovers?{query}")).await;
        let shown = answer["failovers"].as_array().unwrap().iter();
        shown
            .map(|one| (one["pod"].clone(), one["was"].clone(), one["source"].clone()))
            .collect::<Vec<_>>()
    };
    let lines: String = (1..9).map(|second| record(second, "LOG", "a line")).collect();
    let of_file = chunks(lines.as_bytes(), 1);
    // The first roles are no failover; each file says its pod's.
    let mut senders = Vec::new();
    for (stream, pod, role) in [(1, "a", "primary"), (2, "b", "replica"), (3, "b", "replica")] {
        let mut sender = service.sender(stream).await;
        sender.send_from(&source(pod, role), &of_file[0], 0).await;
        assert!(sender.ack().await.is_some());
        senders.push((sender, pod));
    }
    assert_eq!(failovers("").await, []);
    for (at, roles) in
        [(1, ["replica", "primary", "primary"]), (2, ["primary", "replica", "replica"])]
    {
        for ((sender, pod), role) in senders.iter_mut().zip(roles) {
            let chunk = &of_file[at];
            sender.send_from(&source(pod, role), chunk, chunk.from).await;
            assert!(sender.ack().await.is_some());
        }
    }
    let (a, b, role) = (json!("a"), json!("b"), json!("role"));
    let both = [(a.clone(), b.clone(), role.clone()), (b.clone(), Value::Null, role.clone())];
    assert_eq!(failovers("").await, both);
    assert_eq!(failovers("cluster=orders&namespace=shop&limit=1").await, both[..1]);
    assert_eq!(failovers("pod=b").await, both[1..]);
    assert_eq!(failovers("cluster!=orders").await, []);
    assert_eq!(failovers("to=-1h").await, []);

    // A file that begins after the change tells it as well, and Patroni's own word replaces it.
    let mut sender = service.sender(4).await;
    sender.send_from(&source("b", "primary"), &of_file[0], 0).await;
    assert!(sender.ack().await.is_some());
    assert_eq!(failovers("limit=1").await, [(b.clone(), a.clone(), role)]);
    let mut promoted =
        record_of(Table::Patroni, 0, b"promoted self to leader by acquiring session lock");
    promoted.log_time = Timestamp { unix_micros: chrono::Utc::now().timestamp_micros(), digits: 3 };
    promoted.set_text(Column::Logger, Some(b"patroni.ha"));
    let mut sender = Sender::connect(service.forward, StreamId([5; 16])).await;
    sender.send_from(&source("b", "primary"), &chunk_of(0, &[promoted]), 0).await;
    assert!(sender.ack().await.is_some());
    let shown = failovers("").await;
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert_eq!(shown[0], (b.clone(), a, json!("patroni")));
    let fleet = get(&service, "/api/v1/fleet").await;
    assert_eq!(fleet["clusters"][0]["last_failover"]["pod"], b, "{fleet}");
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_shows_what_it_holds_and_what_it_refused() {
    let (service, client, _database) = start(|_| {}).await;
    let log = record(1, "LOG", "fine") + "garbage\n" + &record(2, "LOG", "fine too") + "more\n";
    let mut sender = service.sender(1).await;
    sender.send(&chunks(log.as_bytes(), usize::MAX)[0], 0).await;
    assert!(sender.ack().await.is_some());
    client
        .batch_execute("INSERT INTO log.retention (cluster, max_age) VALUES ('orders', '30 days'); ANALYZE log.postgres")
        .await
        .unwrap();
    let store = get(&service, "/api/v1/store").await;
    let of_table = |list: &str, name: &str| {
        let found = store[list].as_array().unwrap().iter();
        found.filter(|one| one["table"] == name).cloned().collect::<Vec<_>>()
    };
    let (tables, chunks) = (of_table("tables", "postgres"), of_table("chunks", "postgres"));
    assert_eq!((tables.len(), chunks.len()), (1, 1), "{store}");
    assert_eq!((&tables[0]["rows_estimate"], &chunks[0]["rows_estimate"]), (&json!(2), &json!(2)));
    assert!(
        tables[0]["total_bytes"].as_i64().unwrap() > chunks[0]["total_bytes"].as_i64().unwrap()
    );
    assert_eq!(chunks[0]["from"], "2026-11-22T00:00:00Z");
    assert_eq!(
        (&chunks[0]["is_sealed"], &chunks[0]["is_compressed"]),
        (&json!(false), &json!(false))
    );
    let rules = store["retention"].as_array().unwrap();
    assert_eq!((&rules[1]["cluster"], &rules[1]["max_age"]), (&json!("orders"), &json!("30 days")));
    let rejected = store["rejected"].as_array().unwrap();
    let count: i64 = rejected.iter().map(|one| one["count"].as_i64().unwrap()).sum();
    assert_eq!(count, 2, "{store}");
    let samples = rejected.iter().flat_map(|one| one["samples"].as_array().unwrap());
    let mut raw: Vec<_> = samples.map(|sample| sample["raw"].as_str().unwrap()).collect();
    raw.sort_unstable();
    assert_eq!(raw, ["garbage\n", "more\n"], "{store}");
    service.stopped().await;
}
