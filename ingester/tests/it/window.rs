//! Records whose `log_time` is far from the present: kept whole, without a hypertable chunk for each of their days, and stored when
//! somebody says so.

use std::time::Duration;

use tokio_postgres::Client;
use trunkline_harness::Store;
use trunkline_record::{Column, LogRecord, Severity, Table, Timestamp};

use crate::sender::{RECORD, chunk_of, record_of};
use crate::service::{Service, number, start};

const DAY: Duration = Duration::from_secs(86_400);
const ADMIT: &str = "SELECT log.admit_rejected()";

/// All rows of all tables, as text.
async fn rows(client: &Client) -> Vec<String> {
    let mut rows = Vec::new();
    for table in Table::ALL {
        let sql =
            format!("SELECT t::text FROM log.{} AS t ORDER BY stream, position", table.name());
        rows.extend(
            client.query(&sql, &[]).await.unwrap().iter().map(|row| row.get::<_, String>(0)),
        );
    }
    rows
}

async fn sent(service: &Service, records: &[LogRecord<'_>]) {
    let mut sender = service.sender(1).await;
    sender.send(&chunk_of(0, records), 0).await;
    assert!(sender.ack().await.is_some());
}

/// A record of so many days from now.
fn days_off(days: i64) -> LogRecord<'static> {
    let unix_micros = (chrono::Utc::now() + chrono::TimeDelta::days(days)).timestamp_micros();
    LogRecord::new(Table::Postgres, Timestamp { unix_micros, digits: 6 }, Some(Severity::Log))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_admitted_is_the_row_that_it_would_have_been() {
    let mut server = record_of(Table::Postgres, 1, "naïve \\ \u{1f418} \"q\"\r\n\t".as_bytes());
    server.log_time.unix_micros += 123_456;
    server.session_start_time = Some(server.log_time);
    server.process_id = Some(i32::MIN);
    server.query_id = Some(i64::MIN);
    server.transaction_id = Some(i64::MAX);
    server.set_text(Column::Query, Some(b""));
    server.extra = Some(br#"{"a": [1.10, 1e300, null, "x\ny"], "b": 12345678901234567890}"#);
    server.severity_as_written = Some(b"????\xff");
    let mut escaped = record_of(Table::Postgres, 2, b"\xff\\ and \0");
    escaped.set_text(Column::Detail, Some(b"\xe9"));
    // No column of its table.
    escaped.set_text(Column::Logger, Some(b"somebody \xfe"));
    let mut patroni = record_of(Table::Patroni, 3, b"Traceback");
    patroni.extra = Some(br#"{"level": "CRITICAL"}"#);
    let component = record_of(Table::Component, 4, b"closing \xff");
    let records = [server, escaped, patroni, component];

    let (wide, client, _database) = start(|_| {}).await;
    sent(&wide, &records).await;
    let expected = rows(&client).await;
    assert_eq!(expected.len(), records.len());
    wide.stopped().await;

    let narrow = |config: &mut trunkline_ingester::config::Config| {
        config.database.log_time_past = Duration::ZERO;
        config.database.log_time_future = Duration::ZERO;
    };
    let (service, client, _database) = start(narrow).await;
    sent(&service, &records).await;
    assert_eq!(rows(&client).await, Vec::<String>::new());
    let position = number(&client, "SELECT position FROM log.stream").await;
    assert_eq!(position.cast_unsigned(), RECORD * records.len() as u64);
    assert_eq!(number(&client, "SELECT count(*) FROM log.rejected").await, 4);
    assert_eq!(number(&client, ADMIT).await, 4);
    assert_eq!(rows(&client).await, expected);
    assert_eq!(number(&client, "SELECT count(*) FROM log.rejected").await, 0);
    // Nothing is admitted twice, and nothing that was stored is stored again.
    assert_eq!(number(&client, ADMIT).await, 0);
    sent(&service, &records).await;
    assert_eq!(rows(&client).await, expected);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong_makes_no_hypertable_chunks() {
    let (service, client, _database) = start(|config| {
        config.database.log_time_past = 3 * DAY;
        config.database.log_time_future = DAY;
    })
    .await;
    // Every other one is from years around the present, a day apart, and the others are in order.
    let records: Vec<_> =
        (0..2_000).map(|at| days_off(if at % 2 == 0 { at - 4_000 } else { -(at % 3) })).collect();
    sent(&service, &records).await;
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, 1_000);
    assert_eq!(number(&client, "SELECT count(*) FROM log.rejected").await, 1_000);
    let chunks = number(&client, "SELECT count(*) FROM timescaledb_information.chunks").await;
    assert!(chunks <= 5, "{chunks}");
    let reason: String =
        client.query_one("SELECT DISTINCT reason FROM log.rejected", &[]).await.unwrap().get(0);
    assert!(reason.starts_with("log_time is outside the window from "), "{reason}");
    assert_eq!(service.metric("rejected_total").await, 1_000.0);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cant_be_admitted_stays_and_keeps_no_other_back() {
    let database = Store::database().await.unwrap();
    let service = Service::start(&database, |config| config.database.log_time_past = DAY).await;
    let client = database.connect().await.unwrap();
    sent(&service, &[days_off(-10), days_off(-20), days_off(-30)]).await;
    client
        .batch_execute(
            "UPDATE log.rejected SET raw = '{\"log_time\": \"never\", \"error_severity\": \"LOG\"}' WHERE position = 100;
             INSERT INTO log.rejected (stream, position, reason, raw)
             SELECT stream, 900, reason, raw FROM log.rejected WHERE position = 200",
        )
        .await
        .unwrap();
    let of_another = "SELECT log.admit_rejected(only_stream => gen_random_uuid())";
    assert_eq!(number(&client, of_another).await, 0);
    assert_eq!(number(&client, "SELECT log.admit_rejected('other reason')").await, 0);
    assert_eq!(number(&client, "SELECT log.admit_rejected(since => now() + '1 hour')").await, 0);
    assert_eq!(number(&client, ADMIT).await, 2);
    let left = "SELECT sum(position)::bigint FROM log.rejected";
    assert_eq!(number(&client, left).await, 100 + 900, "a broken one, and one that is no record");
    assert_eq!(number(&client, "SELECT sum(position)::bigint FROM log.postgres").await, 200);
    service.stopped().await;
}
