//! What is too old, or too much, goes; what isn't stays; and the dry run tells beforehand. On a real TimescaleDB, with the time that the
//! functions are told.

use std::collections::BTreeMap;

use tokio_postgres::Client;
use trunkline_harness::{Database, Store};
use trunkline_ingester::store::lifecycle::retention;
use trunkline_ingester::store::{self, DatabaseUrl, Pool, migrate};

use crate::counts;
use crate::service::{Service, eventually, number};

/// A store with ten days of rows of three clusters, hour by hour, their streams, and what was rejected; the days are those before `NOW`.
async fn filled() -> (Client, Database) {
    let database = Store::database().await.unwrap();
    let url: DatabaseUrl = database.url().parse().unwrap();
    migrate(&Pool::for_writers(&store::Config::default(), &url)).await.unwrap();
    let client = database.connect().await.unwrap();
    for table in ["postgres", "patroni", "component"] {
        let rows = format!(
            "INSERT INTO log.{table} (log_time, namespace, cluster, error_severity, message, stream, position) \
             SELECT t, 'shop', c, 'LOG', 'row', md5(c)::uuid, 0 \
             FROM generate_series(timestamptz '2031-05-01', '2031-05-10 23:00', '1 hour') AS t, unnest(ARRAY['a', 'b', 'c']) AS c"
        );
        client.batch_execute(&rows).await.unwrap();
    }
    client
        .batch_execute(
            "INSERT INTO log.stream (stream, position, namespace, cluster, first_seen, last_seen) \
             SELECT md5(c)::uuid, 100, 'shop', c, '2031-05-01', '2031-05-03' FROM unnest(ARRAY['a', 'b', 'c']) AS c; \
             INSERT INTO log.rejected (received_at, stream, position, namespace, cluster, reason, raw) \
             SELECT t, md5('x')::uuid, 0, 'shop', c, 'test', '' \
             FROM generate_series(timestamptz '2031-05-01', '2031-05-10', '1 day') AS t, unnest(ARRAY['a', 'b', 'c']) AS c",
        )
        .await
        .unwrap();
    client.batch_execute(counts::RECOUNT).await.unwrap();
    // Some of it has been moved when rows go, and some hasn't.
    client.batch_execute("SELECT log.compact_counts(2000)").await.unwrap();
    (client, database)
}

const NOW: &str = "2031-05-11 00:00";
const TABLES: [&str; 5] = ["postgres", "patroni", "component", "rejected", "stream"];

/// Rows by table, cluster and day.
async fn rows(client: &Client) -> BTreeMap<(String, String, String), i64> {
    let mut all = BTreeMap::new();
    for table in TABLES {
        let time = match table {
            "rejected" => "received_at",
            "stream" => "last_seen",
            _ => "log_time",
        };
        let sql = format!(
            "SELECT cluster, ({time} AT TIME ZONE 'UTC')::date::text, count(*) FROM log.{table} GROUP BY 1, 2"
        );
        for row in client.query(&sql, &[]).await.unwrap() {
            all.insert((table.to_owned(), row.get(0), row.get(1)), row.get(2));
        }
    }
    all
}

/// The lines of a plan, or of what was removed, without what only one of them knows.
async fn lines(client: &Client, sql: &str) -> Vec<String> {
    let columns = "concat_ws(' ', reason, what, relation::text, chunk, namespace, cluster, range_start, range_end, bytes)";
    let rows = client.query(&format!("SELECT {columns} FROM {sql}"), &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Applies retention at this time, and sees to it that what the dry run listed is what went, and that nothing is left to do.
async fn apply(client: &Client, arguments: &str) -> Vec<String> {
    let plan = lines(client, &format!("log.retention_plan({arguments})")).await;
    let before = number(client, "SELECT coalesce(max(id), 0) FROM log.removed").await;
    client.batch_execute(&format!("CALL log.apply_retention({arguments})")).await.unwrap();
    let removed =
        lines(client, &format!("log.removed WHERE id > {before} AND error IS NULL ORDER BY id"))
            .await;
    assert_eq!(plan, removed);
    counts::assert_right(client).await;
    removed
}

/// Asserts that exactly the rows for which `stays(table, cluster, day)` holds are there, of those that were.
fn check(
    before: &BTreeMap<(String, String, String), i64>,
    after: &BTreeMap<(String, String, String), i64>,
    stays: impl Fn(&str, &str, u32) -> bool,
) {
    let day = |date: &str| date[8..].parse::<u32>().unwrap();
    let expected: BTreeMap<_, _> = before
        .iter()
        .filter(|((table, cluster, date), _)| stays(table, cluster, day(date)))
        .map(|(key, count)| (key.clone(), *count))
        .collect();
    assert_eq!(*after, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_unless_somebody_says_so() {
    let (client, _database) = filled().await;
    let before = rows(&client).await;
    assert_eq!(apply(&client, "'2099-01-01'").await, Vec::<String>::new());
    check(&before, &rows(&client).await, |_, _, _| true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_goes_by_whole_hypertable_chunks() {
    let (client, _database) = filled().await;
    let before = rows(&client).await;
    client.batch_execute("UPDATE log.retention SET max_age = '3 days'").await.unwrap();
    // Not an hour before its time.
    let removed = apply(&client, "'2031-05-10 23:00'").await;
    assert_eq!(
        removed.iter().filter(|line| line.contains("hypertable chunk")).count(),
        3 * 6,
        "{removed:#?}"
    );
    check(&before, &rows(&client).await, |table, _, day| match table {
        // Rejected rows go one by one.
        "rejected" => day >= 8,
        // Last seen on the third: all of it has gone by then.
        "stream" => false,
        _ => day >= 7,
    });
    apply(&client, &format!("'{NOW}'")).await;
    assert_eq!(
        number(
            &client,
            "SELECT min(extract(day FROM log_time AT TIME ZONE 'UTC'))::bigint FROM log.postgres"
        )
        .await,
        8
    );
    assert_eq!(apply(&client, &format!("'{NOW}'")).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_has_an_age_of_its_own() {
    let (client, _database) = filled().await;
    let before = rows(&client).await;
    client
        .batch_execute(
            "UPDATE log.retention SET max_age = '5 days'; \
             INSERT INTO log.retention (namespace, cluster, max_age) VALUES ('shop', 'a', '2 days'), (NULL, 'b', NULL), ('elsewhere', 'c', '1 day')",
        )
        .await
        .unwrap();
    let removed = apply(&client, &format!("'{NOW}'")).await;
    assert!(
        removed.iter().all(|line| !line.contains("hypertable chunk")),
        "b has rows in each: {removed:#?}"
    );
    check(&before, &rows(&client).await, |table, cluster, day| match (table, cluster) {
        ("stream", cluster) => cluster == "b",
        (_, "a") => day >= 9,
        (_, "b") => true,
        _ => day >= 6,
    });
    // A row that comes late goes too, though its hypertable chunk has been looked at.
    let late = "INSERT INTO log.postgres (log_time, namespace, cluster, error_severity, stream, position) \
                VALUES ('2031-05-02 12:00', 'shop', 'a', 'LOG', gen_random_uuid(), 7)";
    client.batch_execute(late).await.unwrap();
    client.batch_execute(counts::RECOUNT).await.unwrap();
    client.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
    assert_eq!(apply(&client, &format!("'{NOW}'")).await.len(), 1);
    // When nobody's rows are left but old ones of the others, the hypertable chunks go.
    client.batch_execute("DELETE FROM log.retention WHERE cluster = 'b'").await.unwrap();
    let removed = apply(&client, &format!("'{NOW}'")).await;
    assert_eq!(
        removed.iter().filter(|line| line.contains("hypertable chunk")).count(),
        3 * 5,
        "{removed:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_ages_the_one_that_names_the_cluster_counts() {
    let (client, _database) = filled().await;
    client
        .batch_execute(
            "UPDATE log.retention SET max_age = '1 day'; \
             INSERT INTO log.retention (namespace, cluster, max_age) \
             VALUES ('shop', 'a', '2 days'), (NULL, 'a', '3 days'), ('shop', NULL, '4 days'), (NULL, 'b', '5 days')",
        )
        .await
        .unwrap();
    for (namespace, cluster, days) in [
        ("'shop'", "'a'", 2),
        ("'x'", "'a'", 3),
        ("'shop'", "'c'", 4),
        ("'shop'", "'b'", 5),
        ("'x'", "'c'", 1),
        ("NULL", "NULL", 1),
        ("NULL", "'b'", 5),
        ("'shop'", "NULL", 4),
    ] {
        let sql = format!("SELECT extract(day FROM log.max_age({namespace}, {cluster}))::bigint");
        assert_eq!(number(&client, &sql).await, days, "{namespace} {cluster}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_goes_oldest_first_but_not_what_is_written_to() {
    let (client, _database) = filled().await;
    let total = number(&client, "SELECT sum(total_bytes)::bigint FROM log.chunk_status").await;
    let oldest = number(
        &client,
        "SELECT sum(total_bytes)::bigint FROM (SELECT total_bytes FROM log.chunk_status ORDER BY range_end, hypertable::text LIMIT 4) AS s",
    )
    .await;
    client.execute("UPDATE log.retention SET max_bytes = $1", &[&(total - oldest)]).await.unwrap();
    let removed = apply(&client, &format!("'{NOW}'")).await;
    assert_eq!(removed.len(), 4, "{removed:#?}");
    assert!(removed.iter().all(|line| line.starts_with("size hypertable chunk")), "{removed:#?}");
    assert_eq!(
        number(&client, "SELECT sum(total_bytes)::bigint FROM log.chunk_status").await,
        total - oldest
    );
    assert_eq!(apply(&client, &format!("'{NOW}'")).await.len(), 0);

    client.batch_execute("UPDATE log.retention SET max_bytes = 0").await.unwrap();
    apply(&client, "'2031-05-10 12:00'").await;
    assert_eq!(number(&client, "SELECT count(*) FROM log.chunk_status").await, 3);
    assert_eq!(
        number(&client, "SELECT count(*) FROM log.postgres").await,
        3 * 24,
        "of the day that isn't over"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fills_the_disk_goes_oldest_first() {
    let (client, _database) = filled().await;
    client.batch_execute("UPDATE log.retention SET min_free_bytes = 1000000").await.unwrap();
    assert_eq!(apply(&client, &format!("'{NOW}', 1000000")).await.len(), 0);
    let removed = apply(&client, &format!("'{NOW}', 999999")).await;
    assert_eq!(removed.len(), 1, "one hypertable chunk is more than a byte: {removed:#?}");
    assert!(removed[0].starts_with("disk hypertable chunk log.component"), "{removed:#?}");
    assert!(removed[0].contains("2031-05-01"), "{removed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_stays_as_long_as_anything_of_it_could_be_doubled() {
    let (client, _database) = filled().await;
    let streams = async |at: &str| {
        number(&client, &format!("SELECT count(*) FROM log.finished_streams('{at}')")).await
    };
    assert_eq!(streams("2099-01-01").await, 0, "rows are kept for ever");
    client
        .batch_execute("UPDATE log.retention SET max_age = '3 days'; DELETE FROM log.rejected")
        .await
        .unwrap();
    // Rows may be of the day after it was last seen, the fourth, and so stay until the eighth.
    assert_eq!(streams("2031-05-07 23:59").await, 0);
    assert_eq!(streams("2031-05-08 00:00").await, 3);
    let rejected = "INSERT INTO log.rejected (received_at, stream, position, reason, raw) VALUES ('2031-05-03', md5('a')::uuid, 0, 'x', '')";
    client.batch_execute(rejected).await.unwrap();
    assert_eq!(streams("2031-05-08 00:00").await, 2);
    // Size took what age would have kept.
    client.batch_execute("DELETE FROM log.rejected; UPDATE log.retention SET max_age = NULL; DELETE FROM log.patroni; DELETE FROM log.component").await.unwrap();
    client.batch_execute("SELECT drop_chunks(h, older_than => timestamptz '2031-05-05') FROM unnest(ARRAY['log.postgres', 'log.patroni', 'log.component']::regclass[]) AS h").await.unwrap();
    assert_eq!(streams("2031-05-09").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_in_use_is_not_waited_for_and_what_cannot_go_is_said() {
    let (client, database) = filled().await;
    client.batch_execute("UPDATE log.retention SET max_age = '3 days'").await.unwrap();
    let other = database.connect().await.unwrap();
    // A reader that doesn't end keeps one hypertable chunk; a writer its stream.
    other
        .batch_execute("BEGIN; SELECT FROM log.postgres WHERE log_time < '2031-05-02'; SELECT FROM log.stream WHERE cluster = 'a' FOR UPDATE")
        .await
        .unwrap();
    client.batch_execute(&format!("CALL log.apply_retention('{NOW}')")).await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM log.removed WHERE error LIKE '%lock timeout%' AND relation = 'log.postgres'").await, 1);
    assert_eq!(number(&client, "SELECT count(*) FROM log.stream").await, 3, "while rows are left");
    assert_eq!(
        number(&client, "SELECT count(*) FROM log.postgres WHERE log_time < '2031-05-08'").await,
        3 * 24
    );
    other
        .batch_execute("ROLLBACK; BEGIN; SELECT FROM log.stream WHERE cluster = 'a' FOR UPDATE")
        .await
        .unwrap();
    client.batch_execute(&format!("CALL log.apply_retention('{NOW}')")).await.unwrap();
    assert_eq!(
        number(&client, "SELECT count(*) FROM log.postgres WHERE log_time < '2031-05-08'").await,
        0
    );
    assert_eq!(number(&client, "SELECT count(*) FROM log.stream").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_does_what_its_configuration_says_and_leaves_the_rest_to_sql() {
    let (client, database) = filled().await;
    client
        .batch_execute("UPDATE log.retention SET max_age = '1 day', max_bytes = 1000000000000; INSERT INTO log.retention (cluster, max_age) VALUES ('b', NULL)")
        .await
        .unwrap();
    // The rows are of 2031, so too old by their age is nothing; but what was rejected is by then.
    client
        .batch_execute("UPDATE log.rejected SET received_at = now() - INTERVAL '3 days'")
        .await
        .unwrap();
    let day = std::time::Duration::from_secs(86_400);
    let service = Service::start(&database, |config| {
        config.retention =
            retention::Config { max_age: Some(2 * day), ..retention::Config::default() };
    })
    .await;
    eventually("the rejected to go", async || {
        number(&client, "SELECT count(*) FROM log.rejected").await == 10
    })
    .await;
    let removed = "removed_total{table=\"log.rejected\",reason=\"age\",what=\"rows\"} 2";
    eventually("the removals to be counted", async || {
        reqwest::get(service.url("/metrics")).await.unwrap().text().await.unwrap().contains(removed)
    })
    .await;
    assert_eq!(
        number(
            &client,
            "SELECT extract(epoch FROM max_age)::bigint FROM log.retention WHERE cluster IS NULL"
        )
        .await,
        2 * 86_400
    );
    assert_eq!(
        number(&client, "SELECT max_bytes FROM log.retention WHERE cluster IS NULL").await,
        1_000_000_000_000
    );
    service.stopped().await;
}
