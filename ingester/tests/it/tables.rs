//! Records of servers, of Patroni and of others, mixed in one stream: each reaches its table, and all of them or none are stored.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_postgres::Client;
use trunkline_record::{
    ChunkBuilder, ChunkLimits, Column, LogRecord, Reason, Rejected, Severity, Sink, StreamId, Table,
};

use crate::sender::{RECORD, Sender, chunk_of, record_of};
use crate::service::{Service, eventually, number, start};

const TERMINATE: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                         WHERE datname = current_database() AND application_name = 'trunkline-ingester'";
const ALL: &str = "(SELECT stream, position, message FROM log.postgres \
                   UNION ALL SELECT stream, position, message FROM log.patroni \
                   UNION ALL SELECT stream, position, message FROM log.component) AS every";

/// The rows of a table by position, as objects of what isn't NULL.
async fn rows(client: &Client, table: Table) -> Vec<Value> {
    client.batch_execute("SET TimeZone = 'UTC'").await.unwrap();
    let sql = format!(
        "SELECT jsonb_strip_nulls(to_jsonb(t)) FROM log.{} AS t ORDER BY position",
        table.name()
    );
    client.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// How many rows each table has.
async fn counts(client: &Client) -> [i64; 3] {
    let mut counts = [0; 3];
    for (count, table) in counts.iter_mut().zip(Table::ALL) {
        *count = number(client, &format!("SELECT count(*) FROM log.{}", table.name())).await;
    }
    counts
}

/// A row with the columns that all rows of these tests have, and `more`.
fn placed(position: u64, second: &str, more: Value) -> Value {
    let mut row = json!({
        "log_time": format!("2026-11-22T00:00:{second}+00:00"), "cluster": "orders", "pod": "orders-0",
        "stream": "01010101-0101-0101-0101-010101010101", "position": position,
    });
    let more = more.as_object().unwrap().clone();
    row.as_object_mut().unwrap().extend(more);
    row
}

/// So many records, of the three tables in turn, with their number for a message.
fn with_mixed<T>(count: usize, then: impl FnOnce(&[LogRecord<'_>]) -> T) -> T {
    let messages: Vec<_> = (0..count).map(|at| format!("message {at}")).collect();
    let records: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(at, message)| record_of(Table::ALL[at % 3], at, message.as_bytes()))
        .collect();
    then(&records)
}

async fn sent(service: &Service, records: &[LogRecord<'_>]) {
    let mut sender = service.sender(1).await;
    sender.send(&chunk_of(0, records), 0).await;
    assert!(sender.ack().await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_every_table_arrives_as_it_was_sent() {
    let (service, client, _database) = start(|_| {}).await;
    let mut patroni = record_of(Table::Patroni, 1, b"Traceback (most recent call last):\n  \xe9\\");
    patroni.error_severity = Some(Severity::Fatal);
    patroni.process_id = Some(-7);
    patroni.set_text(Column::Logger, Some(b"patroni.ha"));
    patroni.set_text(Column::Thread, Some("Thread-🐘".as_bytes()));
    patroni.set_text(Column::Location, Some(b"ha.py:1\0"));
    patroni.extra = Some(br#"{"static": {"a": [1, null, "x\ny"]}, "level": "CRITICAL"}"#);
    let mut component = record_of(Table::Component, 2, b"closing \xff");
    component.error_severity = Some(Severity::Warning);
    component.process_id = Some(i32::MAX);
    component.set_text(Column::Component, Some(b"pgbouncer\\"));
    component.extra = Some(br#"{"deep": [[[{}]]]}"#);
    let mut server = record_of(Table::Postgres, 3, b"one \xfe");
    server.extra = Some(br#"{"logging_pod": "orders-0"}"#);
    server.severity_as_written = Some(b"????");
    let empty = |table, second| {
        let mut record = record_of(table, second, b"");
        record.set_text(Column::Message, None);
        record
    };
    let records = [
        patroni,
        empty(Table::Component, 4),
        component,
        server,
        empty(Table::Patroni, 5),
        empty(Table::Postgres, 6),
    ];
    sent(&service, &records).await;
    let full = json!({
        "error_severity": "FATAL", "logger": "patroni.ha", "thread": "Thread-🐘", "process_id": -7,
        "message": "Traceback (most recent call last):\n  \\xe9\\\\", "location": "ha.py:1\\x00",
        "escaped": ["message", "location"],
        "extra": {"static": {"a": [1, null, "x\ny"]}, "level": "CRITICAL"},
    });
    assert_eq!(
        rows(&client, Table::Patroni).await,
        [placed(0, "01", full), placed(400, "05", json!({}))]
    );
    let full = json!({
        "error_severity": "WARNING", "component": "pgbouncer\\", "process_id": i32::MAX,
        "message": "closing \\xff", "escaped": ["message"], "extra": {"deep": [[[{}]]]},
    });
    assert_eq!(
        rows(&client, Table::Component).await,
        [placed(100, "04", json!({})), placed(200, "02", full)]
    );
    let full = json!({
        "error_severity": "LOG", "message": "one \\xfe", "escaped": ["message"],
        "extra": {"logging_pod": "orders-0", "error_severity": "????"},
    });
    assert_eq!(
        rows(&client, Table::Postgres).await,
        [placed(300, "03", full), placed(500, "06", json!({"error_severity": "LOG"}))]
    );
    for table in Table::ALL {
        let rows = service.metric(&format!("rows_total{{table=\"{}\"}}", table.name())).await;
        assert_eq!(rows, 2.0, "{table:?}");
    }
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_table_has_no_column_for_is_kept_in_extra() {
    let (service, client, _database) = start(|_| {}).await;
    let mut server = record_of(Table::Postgres, 1, b"one");
    server.set_text(Column::Logger, Some(b"post\xffgres"));
    let mut component = record_of(Table::Component, 2, b"two");
    component.set_text(Column::DatabaseName, Some(b"shop"));
    component.query_id = Some(-1);
    component.extra = Some(br#"{"of": "its own"}"#);
    sent(&service, &[server, component]).await;
    let row = json!({
        "error_severity": "LOG", "message": "one", "escaped": ["logger"], "extra": {"logger": "post\\xffgres"},
    });
    assert_eq!(rows(&client, Table::Postgres).await, [placed(0, "01", row)]);
    let row = json!({
        "message": "two", "extra": {"of": "its own", "database_name": "shop", "query_id": -1},
    });
    assert_eq!(rows(&client, Table::Component).await, [placed(100, "02", row)]);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_extra_costs_its_own_row_at_most() {
    let (service, client, _database) = start(|_| {}).await;
    let nul: &[u8] = br#"{"a": "\u0000"}"#;
    let deep = ["{\"a\":".repeat(100_000), "1".to_owned(), "}".repeat(100_000)].concat();
    let not_objects: [&[u8]; 6] =
        [b"{\"a\": ", b"", b"[1]", b"{\"a\": \"\xff\"}", b"{\"a\": \"\\ud800\"}", deep.as_bytes()];
    let mut records = Vec::new();
    for table in Table::ALL {
        records.push(record_of(table, 1, b"before"));
        for extra in not_objects.into_iter().chain([nul]) {
            let mut record = record_of(table, 2, b"hostile");
            record.extra = Some(extra);
            records.push(record);
        }
        records.push(record_of(table, 3, b"after"));
    }
    sent(&service, &records).await;
    // What isn't a JSON object is kept as a text.
    let stored = 2 + not_objects.len() as i64;
    assert_eq!(counts(&client).await, [stored; 3]);
    let kept: Value = client
        .query_one(
            "SELECT extra FROM log.patroni WHERE message = 'hostile' ORDER BY position LIMIT 1",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(kept, json!({"extra": "{\"a\": "}));
    // A NUL in a text of jsonb is what the database refuses.
    let rejected = "SELECT reason, convert_from(raw, 'UTF8') FROM log.rejected ORDER BY position";
    let rejected = client.query(rejected, &[]).await.unwrap();
    assert_eq!(rejected.len(), 3);
    for (row, table) in rejected.iter().zip(Table::ALL) {
        assert!(row.get::<_, &str>(0).contains("Unicode escape"), "{row:?}");
        let record: Value = serde_json::from_str(row.get(1)).unwrap();
        assert_eq!(record["extra"], json!({"a": "\0"}));
        assert_eq!(record["message"], "hostile");
        let other = (table != Table::Postgres).then(|| table.name());
        assert_eq!(record["table"].as_str(), other);
    }
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_record_are_kept_once_among_records_of_all_tables() {
    let (service, client, _database) = start(|_| {}).await;
    let mut builder = ChunkBuilder::new(ChunkLimits::default());
    builder.begin(0);
    for (position, table) in (0..).step_by(10).zip(Table::ALL) {
        let _ = builder.record(position, 4, &record_of(table, 1, b"fine"));
        let torn = Rejected { position: position + 5, raw: b"torn\xff", reason: Reason::Torn };
        let _ = builder.rejected(torn);
    }
    let mut sender = service.sender(1).await;
    sender.send(&builder.finish(30).unwrap(), 0).await;
    assert!(sender.ack().await.is_some());
    assert_eq!(counts(&client).await, [1; 3]);
    let rejected = "SELECT position, raw FROM log.rejected ORDER BY position";
    let rejected = client.query(rejected, &[]).await.unwrap();
    let rejected: Vec<(i64, Vec<u8>)> =
        rejected.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(rejected, [5, 15, 25].map(|position| (position, b"torn\xff".to_vec())));
    assert_eq!(service.metric("rejected_total").await, 3.0);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_is_stored_in_no_table_again() {
    let (service, client, _database) = start(|_| {}).await;
    let (part, all) = with_mixed(30, |records| (chunk_of(0, &records[..17]), chunk_of(0, records)));
    for chunk in [&part, &part, &all, &all] {
        // On a connection of its own, as one who got no ack would.
        let mut sender = service.sender(1).await;
        sender.send(chunk, 0).await;
        assert!(sender.ack().await.is_some());
    }
    assert_eq!(counts(&client).await, [10; 3]);
    assert_eq!(number(&client, &format!("SELECT count(DISTINCT position) FROM {ALL}")).await, 30);
    // Of the whole one, 17 were skipped; of what came again whole, all.
    assert_eq!(service.metric("duplicates_total").await, (17 + 17 + 30) as f64);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_ends_early_leaves_nothing_in_any_table() {
    for missing in [Table::Patroni, Table::Component] {
        let (service, client, _database) = start(|_| {}).await;
        let missing = missing.name();
        client
            .batch_execute(&format!("ALTER TABLE log.{missing} RENAME TO elsewhere"))
            .await
            .unwrap();
        let chunk = with_mixed(30, |records| chunk_of(0, records));
        let mut sender = service.sender(1).await;
        sender.send(&chunk, 0).await;
        eventually("a retry", async || {
            let text = reqwest::get(service.url("/metrics")).await.unwrap().text().await.unwrap();
            text.contains("trunkline_ingester_retries_total{class=\"schema\"}")
        })
        .await;
        for table in ["postgres", "patroni", "component", "stream", "rejected"] {
            let table = if table == missing { "elsewhere" } else { table };
            assert_eq!(
                number(&client, &format!("SELECT count(*) FROM log.{table}")).await,
                0,
                "{table}"
            );
        }
        client
            .batch_execute(&format!("ALTER TABLE log.elsewhere RENAME TO {missing}"))
            .await
            .unwrap();
        assert!(sender.ack().await.is_some());
        assert_eq!(counts(&client).await, [10; 3]);
        let stored = number(&client, "SELECT position FROM log.stream").await;
        assert_eq!(stored.cast_unsigned(), 30 * RECORD);
        service.stopped().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_row_of_any_table_goes_to_rejected_and_its_neighbours_are_stored() {
    let (service, client, _database) =
        start(|config| config.batch.age = Duration::from_millis(300)).await;
    for (table, poison) in [("postgres", 27), ("patroni", 40), ("component", 59)] {
        client
            .batch_execute(&format!(
                "ALTER TABLE log.{table} ADD CHECK (message <> 'message {poison}')"
            ))
            .await
            .unwrap();
    }
    let chunk = with_mixed(90, |records| chunk_of(0, records));
    for stream in 1..=3 {
        let mut sender = service.sender(stream).await;
        sender.send(&chunk, 0).await;
        assert!(sender.ack().await.is_some());
    }
    assert_eq!(counts(&client).await, [87; 3]);
    let rejected = "SELECT position, convert_from(raw, 'UTF8')::jsonb FROM log.rejected \
                    WHERE reason LIKE '%check constraint%' ORDER BY stream, position";
    let rejected = client.query(rejected, &[]).await.unwrap();
    let rejected: Vec<(i64, Value)> = rejected.iter().map(|row| (row.get(0), row.get(1))).collect();
    let time = |second| format!("2026-11-22T00:00:{second}Z");
    let server = json!({"log_time": time(27), "error_severity": "LOG", "message": "message 27"});
    let patroni = json!({"table": "patroni", "log_time": time(40), "message": "message 40"});
    let other = json!({"table": "component", "log_time": time(59), "message": "message 59"});
    let one = [(2_700, server), (4_000, patroni), (5_900, other)];
    assert_eq!(rejected, [one.clone(), one.clone(), one].concat());
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_terminated_cost_no_row_of_any_table() {
    const CHUNKS: usize = 300;
    let (service, client, _database) = start(|config| config.batch.rows = 900).await;
    let chunks: Vec<_> = with_mixed(300, |records| {
        (0..CHUNKS as u64).map(|at| chunk_of(at * 300 * RECORD, records)).collect()
    });
    let (address, stream) = (service.forward, StreamId([1; 16]));
    let delivery = tokio::spawn(async move { Sender::deliver(address, stream, &chunks, 16).await });
    let mut terminated = 0;
    while !delivery.is_finished() {
        terminated += number(&client, TERMINATE).await;
        tokio::time::sleep(Duration::from_millis(70)).await;
    }
    delivery.await.unwrap();
    assert!(terminated > 3, "{terminated}");
    assert_eq!(counts(&client).await, [100 * CHUNKS as i64; 3]);
    let distinct = number(&client, &format!("SELECT count(DISTINCT position) FROM {ALL}")).await;
    assert_eq!(distinct, 300 * CHUNKS as i64);
    assert_eq!(number(&client, "SELECT count(*) FROM log.rejected").await, 0);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_other_tables_alone_is_stored_however_large() {
    let (service, client, _database) = start(|_| {}).await;
    let large = vec![b'p'; 1 << 20];
    let records: Vec<_> = (0..24).map(|at| record_of(Table::Patroni, at, &large)).collect();
    sent(&service, &records).await;
    let whole = "SELECT count(*) FROM log.patroni WHERE message = repeat('p', 1048576)";
    assert_eq!(number(&client, whole).await, 24);
    service.stopped().await;
}
