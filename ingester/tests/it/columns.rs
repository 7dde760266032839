//! Binary COPY against the server's own input: what is read from a column is what was sent for it.

use trunkline_harness::csv_truth::COLUMNS;

use crate::sender::chunks;
use crate::service::start;

/// A line whose every column has a value, and what the server should answer for each column, as text.
const FULL: (&str, [&str; 26]) = (
    "2026-11-22 23:06:32.715 UTC,\"us\"\"er\",\"db\",2147483647,\"10.0.0.5:5432\",6b0370f7.19fe,9223372036854775807,\"SELECT\",\
     2026-11-22 00:00:01 UTC,3/14,4294967295,PANIC,XX000,\"line 1\nline 2\r\n\tüñí 🐘 \\ \"\"q\"\"\",\"detail\",\"hint\",\"internal\",7,\
     \"context\",\"SELECT 1\",9,\"func, file.c:1\",\"app\",\"client backend\",1,-9223372036854775808\n",
    [
        "2026-11-22 23:06:32.715+00",
        "us\"er",
        "db",
        "2147483647",
        "10.0.0.5:5432",
        "6b0370f7.19fe",
        "9223372036854775807",
        "SELECT",
        "2026-11-22 00:00:01+00",
        "3/14",
        "4294967295",
        "PANIC",
        "XX000",
        "line 1\nline 2\r\n\tüñí 🐘 \\ \"q\"",
        "detail",
        "hint",
        "internal",
        "7",
        "context",
        "SELECT 1",
        "9",
        "func, file.c:1",
        "app",
        "client backend",
        "1",
        "-9223372036854775808",
    ],
);

#[tokio::test(flavor = "multi_thread")]
async fn every_column_arrives_as_it_was_sent() {
    let (service, client, _database) = start(|_| {}).await;
    // The other line has nothing but what no line is without.
    let empty = "2026-11-22 23:06:33.000 UTC,,,,,,,,,,,LOG,,,,,,,,,,,,,,\n";
    let log = [FULL.0, empty].concat();
    let mut sender = service.sender(1).await;
    sender.send(&chunks(log.as_bytes(), 1 << 20)[0], 0).await;
    assert!(sender.ack().await.is_some());
    client.batch_execute("SET TimeZone = 'UTC'").await.unwrap();
    let all = COLUMNS.map(|column| format!("{column}::text")).join(", ");
    let rows = client
        .query(&format!("SELECT {all} FROM log.postgres ORDER BY position"), &[])
        .await
        .unwrap();
    for (at, (column, expected)) in COLUMNS.iter().zip(FULL.1).enumerate() {
        assert_eq!(rows[0].get::<_, Option<&str>>(at), Some(expected), "{column}");
        let expected = match *column {
            "log_time" => Some("2026-11-22 23:06:33+00"),
            "error_severity" => Some("LOG"),
            _ => None,
        };
        assert_eq!(rows[1].get::<_, Option<&str>>(at), expected, "{column}");
    }
    let source = "SELECT cluster, pod, namespace, stream::text, position, escaped, extra::text FROM log.postgres \
                  ORDER BY position DESC LIMIT 1";
    let row = client.query_one(source, &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "orders");
    assert_eq!(row.get::<_, &str>(1), "orders-0");
    assert_eq!(row.get::<_, Option<&str>>(2), None);
    assert_eq!(row.get::<_, &str>(3), "01010101-0101-0101-0101-010101010101");
    assert_eq!(row.get::<_, i64>(4), FULL.0.len() as i64);
    assert_eq!(row.get::<_, Option<Vec<String>>>(5), None);
    assert_eq!(row.get::<_, Option<&str>>(6), None);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn severities_compare_as_people_mean_it() {
    let (service, client, _database) = start(|_| {}).await;
    let severities = [
        "DEBUG5", "DEBUG4", "DEBUG3", "DEBUG2", "DEBUG1", "DEBUG", "LOG", "INFO", "NOTICE",
        "WARNING", "ERROR", "FATAL", "PANIC",
    ];
    let log: String =
        severities.iter().map(|severity| crate::sender::record(1, severity, "x")).collect();
    let mut sender = service.sender(1).await;
    sender.send(&chunks(log.as_bytes(), 1 << 20)[0], 0).await;
    assert!(sender.ack().await.is_some());
    let sql = "SELECT array_agg(error_severity::text ORDER BY error_severity) FROM log.postgres";
    assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, Vec<String>>(0), severities);
    let sql = "SELECT count(*) FROM log.postgres WHERE error_severity >= 'WARNING'";
    assert_eq!(crate::service::number(&client, sql).await, 4);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_of_many_megabytes_arrives_whole() {
    let (service, client, _database) = start(|_| {}).await;
    let large = "SELECT 'ä🐘' || ".repeat(1 << 18);
    let log = [crate::sender::record(1, "LOG", &large), crate::sender::record(2, "LOG", "after")]
        .concat();
    let mut sender = service.sender(1).await;
    sender.send(&chunks(log.as_bytes(), 64 << 20)[0], 0).await;
    assert!(sender.ack().await.is_some());
    let messages =
        client.query("SELECT message FROM log.postgres ORDER BY position", &[]).await.unwrap();
    assert!(messages[0].get::<_, &str>(0) == large);
    assert_eq!(messages[1].get::<_, &str>(0), "after");
    service.stopped().await;
}
