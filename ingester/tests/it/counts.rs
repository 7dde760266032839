//! The counts that are written with the rows are what counting the rows gives, whatever became of these.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rand::{Rng, RngExt};
use serde_json::{Value, json};
use tokio_postgres::Client;
use trunkline_harness::Store;
use trunkline_ingester::store::{self, DatabaseUrl, MIGRATIONS, Pool, migrate};
use trunkline_query::counted_columns;
use trunkline_record::{Column, LogRecord, Severity, StreamId, Table, Timestamp};

use crate::sender::{Sender, chunk_of, chunks, record, record_of};
use crate::service::{Service, eventually, number, start};

pub const RECOUNT: &str = "SELECT log.recount()";

/// All that can be told of the counts of one column at one level, and of the rows themselves.
fn differences(table: Table, column: &str, level: &str, span: &str) -> String {
    let value = if column == "error_severity" { "NULL" } else { column };
    let name = table.name();
    // Values by minute are relied on for so long.
    let lately = |time: &str| match (level, column) {
        ("minute", "error_severity") | ("hour" | "day", _) => "true".to_owned(),
        _ => format!("{time} >= date_trunc('hour', now()) - INTERVAL '48 hours'"),
    };
    let counted = format!(
        "SELECT log.count_begins('{span}', begins) AS b, namespace, cluster, error_severity, value, is_rest, sum(rows)::bigint AS n \
         FROM (SELECT * FROM log.count_{level} UNION ALL SELECT * FROM log.count_delta) AS c \
         WHERE table_name = '{name}' AND column_name = '{column}' AND {} GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(rows) <> 0",
        lately("begins")
    );
    let rows = format!(
        "SELECT date_bin('{span}', log_time, '1970-01-01Z') AS b, namespace, cluster, error_severity, {value} AS value, false AS is_rest, \
         count(*) AS n FROM log.{name} WHERE {} GROUP BY 1, 2, 3, 4, 5, 6",
        lately("log_time")
    );
    format!(
        "SELECT 'counted ' || d::text FROM (({counted}) EXCEPT ({rows})) AS d \
         UNION ALL SELECT 'there ' || d::text FROM (({rows}) EXCEPT ({counted})) AS d"
    )
}

/// Asserts that each level is what counting the rows gives.
pub async fn assert_right(client: &Client) {
    for table in Table::ALL {
        let columns = counted_columns(table).iter().map(|column| column.name());
        for column in ["error_severity"].into_iter().chain(columns) {
            for (level, span) in [("minute", "1 minute"), ("hour", "1 hour"), ("day", "1 day")] {
                let sql = differences(table, column, level, span);
                let found = client.query(&sql, &[]).await.unwrap();
                let found: Vec<String> = found.iter().map(|row| row.get(0)).collect();
                assert!(found.is_empty(), "{column} of {table:?} by {level}: {found:#?}");
            }
        }
    }
    let uncounted = "SELECT count(*) FROM (SELECT * FROM log.count_day UNION ALL SELECT * FROM log.count_delta) AS c \
                     WHERE column_name = 'uncounted'";
    assert_eq!(number(client, uncounted).await, 0);
}

/// Moves all that waits.
pub async fn compact(client: &Client) {
    while number(client, "SELECT log.compact_counts()").await > 0 {}
    // The service may have the lock for a moment.
    eventually("the counts to be moved", async || {
        number(client, "SELECT log.compact_counts() + (SELECT count(*) FROM log.count_delta)").await
            == 0
    })
    .await;
}

fn random_record(random: &mut impl Rng, now: i64) -> LogRecord<'static> {
    let table = Table::ALL[random.random_range(0..3)];
    // Minutes, hours and days ago.
    let ago = match random.random_range(0..3) {
        0 => random.random_range(0..120),
        1 => random.random_range(0..48 * 3_600),
        _ => random.random_range(0..9 * 86_400),
    };
    let unix_micros = (now - ago) * 1_000_000 + random.random_range(0..1_000_000);
    let severity = *[Severity::Log, Severity::Error, Severity::Debug5]
        .get(random.random_range(0..3_usize))
        .unwrap();
    let severity = (table == Table::Postgres || random.random_bool(0.5)).then_some(severity);
    let mut record = LogRecord::new(table, Timestamp { unix_micros, digits: 6 }, severity);
    for column in counted_columns(table) {
        let values: [Option<&[u8]>; 5] =
            [None, Some(b""), Some(b"a"), Some(b"\xff\\\0"), Some("\u{1f418}".as_bytes())];
        record.set_text(*column, values[random.random_range(0..values.len())]);
    }
    record
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_stored_by_whomever_however_often_is_counted_once() {
    let database = Store::database().await.unwrap();
    let (one, two) = tokio::join!(
        Service::start(&database, |config| config.batch.rows = 100),
        Service::start(&database, |config| config.batch.rows = 700)
    );
    let client = database.connect().await.unwrap();
    let now = chrono::Utc::now().timestamp();
    let mut senders = Vec::new();
    for stream in 1..=4_u8 {
        let records: Vec<_> = (0..2_000).map(|_| random_record(&mut rand::rng(), now)).collect();
        let chunks: Vec<_> = records
            .chunks(150)
            .enumerate()
            .map(|(at, records)| chunk_of(at as u64 * 150 * crate::sender::RECORD, records))
            .collect();
        // Both get all of it.
        for address in [one.forward, two.forward] {
            let chunks = chunks.clone();
            let cluster = format!("cluster {}", stream % 3);
            senders.push(tokio::spawn(async move {
                Sender::deliver_as(address, StreamId([stream; 16]), &cluster, &chunks, 4).await;
            }));
        }
    }
    // Whenever one looks, and whoever is moving counts at that time.
    let other = database.connect().await.unwrap();
    while senders.iter().any(|sender| !sender.is_finished()) {
        tokio::join!(async { number(&client, "SELECT log.compact_counts(500)").await }, async {
            number(&other, "SELECT log.compact_counts(300)").await
        },);
        let sql = "SELECT (SELECT count(*) FROM log.postgres) - coalesce(sum(rows), 0)::bigint FROM \
                   (SELECT * FROM log.count_day UNION ALL SELECT * FROM log.count_delta) AS c \
                   WHERE table_name = 'postgres' AND column_name = 'error_severity'";
        assert_eq!(number(&client, sql).await, 0);
        // Nobody is kept waiting, and nothing is lost, if all is counted again meanwhile.
        client.batch_execute(RECOUNT).await.unwrap();
    }
    for sender in senders {
        sender.await.unwrap();
    }
    let stored = "SELECT (SELECT count(*) FROM log.postgres) + (SELECT count(*) FROM log.patroni) + (SELECT count(*) FROM log.component)";
    assert_eq!(number(&client, stored).await, 8_000);
    assert_right(&client).await;
    compact(&client).await;
    assert_right(&client).await;
    one.stopped().await;
    two.stopped().await;
}

/// A plan lists the hypertable chunks before the statement's snapshot is taken. Here it is kept waiting while one more comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_hypertable_chunk_that_comes_while_rows_are_counted_again_is_counted() {
    let (service, client, database) = start(|_| {}).await;
    let mut sender = service.sender(1).await;
    sender.send(&chunk_of(0, &[record_of(Table::Postgres, 0, b"there")]), 0).await;
    assert!(sender.ack().await.is_some());
    let locking = database.connect().await.unwrap();
    let lock = "DO $$ DECLARE c regclass; BEGIN FOR c IN SELECT show_chunks('log.postgres') LOOP \
                EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', c); END LOOP; END $$";
    locking.batch_execute(&format!("BEGIN; {lock}")).await.unwrap();
    let counting = database.connect().await.unwrap();
    let counting = tokio::spawn(async move { counting.batch_execute(RECOUNT).await });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%log.recount%' \
                 AND wait_event_type = 'Lock' AND wait_event = 'relation' AND pid <> pg_backend_pid()";
    eventually("counting to wait", async || number(&client, waits).await == 1).await;
    let mut record = record_of(Table::Postgres, 0, b"comes");
    record.log_time.unix_micros = (Utc::now() - chrono::TimeDelta::days(20)).timestamp_micros();
    let mut sender = service.sender(2).await;
    sender.send(&chunk_of(0, &[record]), 0).await;
    assert!(sender.ack().await.is_some());
    locking.batch_execute("ROLLBACK").await.unwrap();
    counting.await.unwrap().unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, 2);
    compact(&client).await;
    assert_right(&client).await;
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_not_counted_until_it_is_admitted() {
    let (service, client, _database) =
        start(|config| config.database.log_time_past = Duration::from_secs(86_400)).await;
    client
        .batch_execute("ALTER TABLE log.postgres ADD CONSTRAINT fine CHECK (message <> 'poison')")
        .await
        .unwrap();
    let now = chrono::Utc::now();
    let mut records: Vec<_> = (0..60)
        .map(|at| record_of(Table::Postgres, at, if at % 17 == 0 { b"poison" } else { b"fine" }))
        .collect();
    for (at, record) in records.iter_mut().enumerate() {
        let days = if at % 5 == 0 { 3 } else { 0 };
        record.log_time.unix_micros = (now - chrono::TimeDelta::days(days)).timestamp_micros();
    }
    let mut sender = service.sender(1).await;
    sender.send(&chunk_of(0, &records), 0).await;
    assert!(sender.ack().await.is_some());
    // Every fifth is too old, and every seventeenth refused.
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, 45);
    assert_right(&client).await;
    assert_eq!(number(&client, "SELECT log.admit_rejected()").await, 11);
    assert_right(&client).await;
    client.batch_execute("ALTER TABLE log.postgres DROP CONSTRAINT fine").await.unwrap();
    assert_eq!(number(&client, "SELECT log.admit_rejected('%')").await, 4);
    compact(&client).await;
    assert_right(&client).await;
    assert_eq!(
        number(
            &client,
            "SELECT sum(rows)::bigint FROM log.count_day WHERE column_name = 'error_severity'"
        )
        .await,
        60
    );
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_there_before_the_counts_are_counted() {
    let database = Store::database().await.unwrap();
    let url: DatabaseUrl = database.url().parse().unwrap();
    let pool = Pool::for_writers(&store::Config::default(), &url);
    migrate(&pool).await.unwrap();
    let client = database.connect().await.unwrap();
    let counts = MIGRATIONS.iter().find(|migration| migration.name == "counts").unwrap();
    // What it makes is taken away again, as if it had not been applied; the function that it replaces is replaced again.
    client
        .batch_execute(&format!(
            "DROP TRIGGER uncount_removed ON log.removed; \
             DO $$ DECLARE f regprocedure; BEGIN FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'log'::regnamespace \
             AND proname ~ 'count' LOOP EXECUTE 'DROP FUNCTION ' || f; END LOOP; END $$; \
             DROP TABLE log.count_delta, log.count_minute, log.count_hour, log.count_day; \
             INSERT INTO log.postgres (log_time, cluster, user_name, application_name, error_severity, stream, position) \
             SELECT now() - n * INTERVAL '1 hour', 'c' || n % 3, 'u' || n % 5, repeat('x', n % 300), 'LOG', gen_random_uuid(), n \
             FROM generate_series(1, 256) AS n; BEGIN; {}; COMMIT",
            counts.sql
        ))
        .await
        .unwrap();
    assert_right(&client).await;
    compact(&client).await;
    assert_right(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_changed_by_hand_are_counted_again() {
    let (service, client, _database) = start(|_| {}).await;
    let log: String = (0..3_000).map(|at| record(at * 20, "LOG", "row")).collect();
    Sender::deliver(service.forward, StreamId([1; 16]), &chunks(log.as_bytes(), 8 << 10), 8).await;
    for is_compact in [true, false] {
        if is_compact {
            compact(&client).await;
        }
        client
            .batch_execute(
                "DELETE FROM log.postgres WHERE position % 3 = 0 AND log_time BETWEEN '2026-11-22 03:10:07Z' AND '2026-11-22 05:00Z'; \
                 UPDATE log.postgres SET user_name = 'somebody' WHERE log_time BETWEEN '2026-11-22 04:59Z' AND '2026-11-22 05:00Z'; \
                 SELECT log.recount('2026-11-22 03:10:07Z', '2026-11-22 05:00Z')",
            )
            .await
            .unwrap();
        assert_right(&client).await;
        compact(&client).await;
        assert_right(&client).await;
    }
    // A snapshot that is older than the lock would count what others have counted.
    let isolated = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT log.recount()";
    assert!(client.batch_execute(isolated).await.is_err());
    client.batch_execute("ROLLBACK").await.unwrap();
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_without_end_become_one_rest_and_cost_no_more_than_their_rows() {
    let (service, client, _database) = start(|config| config.batch.rows = 500).await;
    let names: Vec<String> = (0..6_000).map(|at| format!("job {at}")).collect();
    let now = chrono::Utc::now();
    let hour = now.timestamp() / 3_600 * 3_600 - 7_200;
    let records: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let mut record = record_of(Table::Postgres, 0, b"row");
            record.log_time.unix_micros = (hour + at as i64 % 1_800) * 1_000_000;
            // One is frequent.
            let name = if at % 4 == 0 { "psql" } else { name };
            record.set_text(Column::ApplicationName, Some(name.as_bytes()));
            record
        })
        .collect();
    let mut sender = service.sender(1).await;
    for (at, records) in records.chunks(500).enumerate() {
        sender.send(&chunk_of(at as u64 * 500 * crate::sender::RECORD, records), 0).await;
        assert!(sender.ack().await.is_some());
        compact(&client).await;
    }
    for (level, span) in [("hour", "1 hour"), ("day", "1 day")] {
        let of_applications =
            format!("FROM log.count_{level} WHERE column_name = 'application_name'");
        assert!(number(&client, &format!("SELECT count(*) {of_applications}")).await <= 1_001);
        assert_eq!(
            number(&client, &format!("SELECT sum(rows)::bigint {of_applications}")).await,
            6_000
        );
        assert_eq!(
            number(&client, &format!("SELECT rows {of_applications} AND value = 'psql'")).await,
            1_500
        );
        assert!(
            number(&client, &format!("SELECT rows {of_applications} AND is_rest")).await >= 3_500
        );
        for column in ["error_severity", "user_name"] {
            assert!(
                client
                    .query(&differences(Table::Postgres, column, level, span), &[])
                    .await
                    .unwrap()
                    .is_empty()
            );
        }
    }
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_name_no_index_holds_is_counted_all_the_same() {
    let (service, client, _database) = start(|_| {}).await;
    let mut random = rand::rng();
    let name: String = (0..4_000).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect();
    let chunks = chunks(record(1, "LOG", "row").as_bytes(), 8 << 10);
    Sender::deliver_as(service.forward, StreamId([1; 16]), &name, &chunks, 1).await;
    Sender::deliver_as(service.forward, StreamId([2; 16]), "short", &chunks, 1).await;
    assert_eq!(number(&client, "SELECT log.compact_counts() * 0").await, 0);
    eventually("what can be moved to be moved", async || {
        number(&client, "SELECT count(*) FROM log.count_delta WHERE cluster = 'short'").await == 0
    })
    .await;
    assert_right(&client).await;
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingester_without_counts_says_which_days_lack_some() {
    let (service, client, _database) = start(|config| config.database.counts = false).await;
    let log: String = (0..50).map(|at| record(at, "LOG", "row")).collect();
    Sender::deliver(service.forward, StreamId([1; 16]), &chunks(log.as_bytes(), 8 << 10), 8).await;
    let found = "SELECT sum(rows)::bigint FROM (SELECT * FROM log.count_day UNION ALL SELECT * FROM log.count_delta) AS c \
                 WHERE begins = '2026-11-22Z' AND cluster = 'orders' AND column_name";
    assert_eq!(number(&client, &format!("{found} = 'uncounted'")).await, 50);
    compact(&client).await;
    assert_eq!(number(&client, &format!("{found} = 'uncounted'")).await, 50);
    // A part of the day isn't all of it.
    client.batch_execute("SELECT log.recount('2026-11-22 01:00Z', '2026-11-23Z')").await.unwrap();
    assert_eq!(number(&client, &format!("{found} = 'uncounted'")).await, 50);
    client.batch_execute("SELECT log.recount('2026-11-22Z', '2026-11-23Z')").await.unwrap();
    assert_right(&client).await;
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_count_the_same_columns() {
    let (service, client, _database) = start(|_| {}).await;
    for table in Table::ALL {
        let row =
            client.query_one("SELECT log.counted_columns($1)", &[&table.name()]).await.unwrap();
        let names: Vec<_> = counted_columns(table).iter().map(|column| column.name()).collect();
        assert_eq!(row.get::<_, Vec<String>>(0), names);
    }
    service.stopped().await;
}

/// What an endpoint answers, as JSON; of a stream all lines.
async fn asked(service: &Service, accept: &str, path: &str) -> Vec<Value> {
    let request = reqwest::Client::new().get(service.url(path)).header("accept", accept);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    assert_eq!(answer.headers()["content-type"], accept);
    let text = answer.text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn plan(service: &Service, path: &str) -> String {
    asked(service, "application/json", &format!("{path}&explain=1")).await[0].to_string()
}

fn encoded(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_counts_answer_is_what_counting_rows_gives() {
    let (service, client, _database) = start(|config| config.batch.rows = 400).await;
    let mut random = rand::rng();
    let now = Utc::now().timestamp();
    for stream in 1..=3_u8 {
        let records: Vec<_> = (0..1_200).map(|_| random_record(&mut random, now)).collect();
        let chunk = chunk_of(0, &records);
        let cluster = format!("c{stream}");
        Sender::deliver_as(service.forward, StreamId([stream; 16]), &cluster, &[chunk], 1).await;
    }
    let filters = [
        ("", "true"),
        ("&cluster=c1&cluster=c3", "cluster IN ('c1', 'c3')"),
        ("&min_severity=ERROR", "error_severity >= 'ERROR'"),
        ("&severity!=LOG", "(error_severity = 'LOG') IS NOT TRUE"),
        (
            "&where=cluster%20%3E%20'c1'%20AND%20error_severity%20IS%20NOT%20NULL",
            "cluster > 'c1' AND error_severity IS NOT NULL",
        ),
    ];
    let (mut of_counts, mut of_rows) = (0, 0);
    for round in 0..120 {
        if round == 40 {
            number(&client, "SELECT log.compact_counts(700)").await;
        } else if round == 80 {
            compact(&client).await;
        }
        let table = Table::ALL[random.random_range(0..3)];
        let (name, (parameters, condition)) =
            (table.name(), filters[random.random_range(0..filters.len())]);
        let (mut parameters, mut condition) = (parameters.to_owned(), condition.to_owned());
        let columns = counted_columns(table);
        let column =
            (!columns.is_empty()).then(|| columns[random.random_range(0..columns.len())].name());
        if let Some(column) = column
            && random.random_bool(0.4)
        {
            parameters += &format!("&where={column}%20%3D%20'a'%20OR%20{column}%20IS%20NULL");
            condition += &format!(" AND ({column} = 'a' OR {column} IS NULL)");
        }
        // Ends anywhere, at the hour, or none at all.
        for (end, operator, ago) in [("from", ">=", 43_200..9 * 86_400), ("to", "<", 0..43_200)] {
            let second = now - random.random_range(ago);
            let moment = match random.random_range(0..3) {
                0 => continue,
                1 => DateTime::from_timestamp(second / 3_600 * 3_600, 0).unwrap(),
                _ => DateTime::from_timestamp(second, random.random_range(0..1_000_000) * 1_000)
                    .unwrap(),
            };
            parameters += &format!("&{end}={}", encoded(moment));
            condition += &format!(" AND log_time {operator} '{}'", encoded(moment));
        }
        let step = [60, 90, 3_600, 7_200, 86_400][random.random_range(0..5)];
        let path = format!("/api/v1/histogram?table={name}{parameters}&step={step}s");
        let too_many = step < 3_600;
        let path =
            if too_many { path.replace(&format!("&step={step}s"), "&buckets=2000") } else { path };
        let answer = asked(&service, "application/json", &path).await.remove(0);
        let step = answer["step"].as_i64().unwrap();
        let mut found = BTreeMap::new();
        for bucket in answer["buckets"].as_array().unwrap() {
            let time: DateTime<Utc> = bucket["time"].as_str().unwrap().parse().unwrap();
            for (severity, count) in bucket["severities"].as_object().unwrap() {
                found.insert((time.timestamp(), severity.clone()), count.as_i64().unwrap());
            }
        }
        let sql = format!(
            "SELECT extract(epoch FROM date_bin('{step} s', log_time, '1970-01-05Z'))::bigint, coalesce(error_severity::text, 'NONE'), count(*) \
             FROM log.{name} WHERE {condition} GROUP BY 1, 2"
        );
        let rows = client.query(&sql, &[]).await.unwrap();
        let expected: BTreeMap<_, _> =
            rows.iter().map(|row| ((row.get(0), row.get(1)), row.get::<_, i64>(2))).collect();
        assert_eq!(found, expected, "{path}");
        let lines = asked(&service, "application/x-ndjson", &path).await;
        let last = lines.last().unwrap();
        assert_eq!(
            (&last["buckets"], &last["complete"], &last["progress"]),
            (&answer["buckets"], &json!(true), &json!(1.0))
        );

        let field = column.unwrap_or("error_severity");
        let path = format!(
            "/api/v1/facets?table={name}{parameters}&field={field}&field=cluster&field=namespace&limit=1000"
        );
        if plan(&service, &path).await.contains("log.count_") {
            of_counts += 1
        } else {
            of_rows += 1
        }
        let answer = asked(&service, "application/json", &path).await.remove(0);
        for (facet, field) in
            answer["facets"].as_array().unwrap().iter().zip([field, "cluster", "namespace"])
        {
            let found: BTreeMap<_, _> = facet["values"]
                .as_array()
                .unwrap()
                .iter()
                .map(|value| {
                    (value["value"].as_str().map(str::to_owned), value["count"].as_i64().unwrap())
                })
                .collect();
            let sql = format!(
                "SELECT {field}::text, count(*) FROM log.{name} WHERE {condition} GROUP BY 1"
            );
            let rows = client.query(&sql, &[]).await.unwrap();
            let expected: BTreeMap<Option<String>, i64> =
                rows.iter().map(|row| (row.get(0), row.get(1))).collect();
            assert_eq!(found, expected, "{field} of {path}");
            assert_eq!(facet["distinct"], expected.len());
        }
        let lines = asked(&service, "application/x-ndjson", &path).await;
        assert_eq!(lines.last().unwrap()["facets"], answer["facets"]);
    }
    assert_eq!((of_counts, of_rows), (120, 0));
    // What counts don't have is looked at, from the newest on.
    let path = "/api/v1/histogram?text=nothing&step=1d";
    assert!(!plan(&service, path).await.contains("log.count_"));
    let lines = asked(&service, "application/x-ndjson", path).await;
    let progress: Vec<_> = lines.iter().map(|line| line["progress"].as_f64().unwrap()).collect();
    assert!(progress.len() > 2 && progress.is_sorted() && progress[0] < 1.0, "{progress:?}");
    assert!(lines.iter().rev().skip(1).all(|line| line["complete"] == false));
    for path in [
        "/api/v1/facets?field=user&database=a",
        "/api/v1/facets?field=pod",
        "/api/v1/histogram?user=a&database=a",
    ] {
        assert!(!plan(&service, path).await.contains("log.count_"), "{path}");
    }
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_counts_lack_something_rows_are_looked_at() {
    let (service, client, _database) = start(|_| {}).await;
    let now = Utc::now().timestamp();
    let names: Vec<String> = (0..3_000).map(|at| format!("job {at}")).collect();
    let records: Vec<_> = names
        .iter()
        .map(|name| {
            let mut record = record_of(Table::Postgres, 0, b"row");
            record.log_time.unix_micros = (now - 7_200) * 1_000_000;
            record.set_text(Column::ApplicationName, Some(name.as_bytes()));
            record
        })
        .collect();
    let mut sender = service.sender(1).await;
    sender.send(&chunk_of(0, &records), 0).await;
    assert!(sender.ack().await.is_some());
    let check = async |text: &str| {
        let path = "/api/v1/facets?field=application&field=cluster&limit=1000";
        let answer = asked(&service, "application/json", path).await.remove(0);
        assert_eq!(answer["facets"][0]["distinct"], 3_000, "{text}");
        assert_eq!(answer["facets"][0]["values"].as_array().unwrap().len(), 1_000);
        assert_eq!(
            answer["facets"][1],
            json!({"field": "cluster", "distinct": 1, "values": [{"value": "orders", "count": 3_000}]})
        );
        let path = "/api/v1/histogram?application=job%202999&step=1h";
        assert_eq!(asked(&service, "application/json", path).await[0]["total"], 1, "{text}");
    };
    check("a rest in what was added").await;
    compact(&client).await;
    check("a rest that was moved").await;
    // As by an ingester that doesn't count.
    client
        .batch_execute(
            "DELETE FROM log.count_minute; DELETE FROM log.count_hour; DELETE FROM log.count_day; \
             INSERT INTO log.count_delta (table_name, column_name, begins, cluster, is_rest, rows) \
             SELECT 'postgres', 'uncounted', log.count_begins('1 day', log_time), cluster, true, count(*) FROM log.postgres GROUP BY 3, 4",
        )
        .await
        .unwrap();
    check("nothing counted").await;
    let path = "/api/v1/histogram?severity=LOG&step=1h&cluster=orders";
    assert_eq!(asked(&service, "application/json", path).await[0]["total"], 3_000);
    // Another cluster's counts are whole.
    let path = "/api/v1/histogram?step=1h&cluster=other";
    assert_eq!(asked(&service, "application/json", path).await[0]["total"], 0);
    // Without the tables, as on a hub.
    client.batch_execute("ALTER TABLE log.count_day RENAME TO count_gone").await.unwrap();
    check("no counts").await;
    service.stopped().await;
}
