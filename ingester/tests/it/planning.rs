//! How a text is searched and counted: in few statements, over two connections, and with its index only where that is shorter.

use serde_json::Value;
use tokio_postgres::Client;

use crate::service::{Service, eventually, number, seal, start};

async fn get(service: &Service, path: &str) -> Value {
    let answer = reqwest::get(service.url(&format!("/api/v1/{path}"))).await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.unwrap()
}

/// Thirty hypertable chunks of five rows each, three words in one of them every tenth day.
async fn store(client: &Client) {
    client
        .batch_execute(
            "INSERT INTO log.postgres (log_time, error_severity, stream, position, message) \
             SELECT '2026-03-01 12:00+00'::timestamptz + day * INTERVAL '1 day', 'LOG', \
             '01010101-0101-0101-0101-010101010101', day * 5 + number, \
             CASE WHEN day % 10 = 3 AND number = 2 THEN 'a Rare word' ELSE 'what is frequent' END \
             FROM generate_series(0, 29) AS day, generate_series(0, 4) AS number",
        )
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_word_takes_few_statements() {
    let (service, client, _database) = start(|_| {}).await;
    store(&client).await;
    let answer = get(&service, "logs?text=none&explain=1").await;
    let statements = answer["statements"].as_array().unwrap();
    let chunks = |statement: &Value| {
        statement["plan"].to_string().matches("\"Relation Name\":\"_hyper_").count()
    };
    // A look at the first rows, which are in three of the thirty; two that may have no index yet; and then all others.
    let found: Vec<_> = statements.iter().map(chunks).collect();
    assert_eq!(found, [3, 1, 1, 8, 20], "{answer}");
    // None of those in the order of their time, which would be by a look at each row: so short a word counts as frequent.
    for statement in &statements[3..] {
        let plan = statement["plan"].to_string();
        assert!(plan.contains("\"Sort\"") && !plan.contains("Incremental Sort"), "{answer}");
    }
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_halves_of_a_large_slice_are_read_side_by_side_and_stay_in_order() {
    const SEARCHED: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                            AND application_name = 'trunkline-ingester' AND query LIKE 'SELECT log\\_time%ILIKE%'";
    for (connections, used) in [(1, 1), (4, 2)] {
        let (service, client, _database) =
            start(|config| config.database.query_connections = connections).await;
        store(&client).await;
        assert_eq!(number(&client, SEARCHED).await, 0);
        for (order, expected) in [("desc", [117, 67, 17]), ("asc", [17, 67, 117])] {
            let answer = get(&service, &format!("logs?text=rare&order={order}")).await;
            let rows = answer["rows"].as_array().unwrap();
            let positions: Vec<_> = rows.iter().map(|row| row["position"].as_i64()).collect();
            assert_eq!(positions, expected.map(Some), "{answer}");
        }
        // What is found in the first half is enough: the other one is read in vain, and its connection is used again.
        let answer = get(&service, "logs?text=frequent&limit=20").await;
        assert_eq!(answer["rows"].as_array().unwrap().len(), 20, "{answer}");
        assert_eq!(number(&client, SEARCHED).await, used);
        service.stopped().await;
    }
}

/// Counting that waits for a lock, by the index of texts and by a look at each row.
const COUNTING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
    AND query LIKE 'SELECT date\\_bin%ILIKE%' AND wait_event_type = 'Lock'";
const BY_INDEX: &str = " AND query NOT LIKE '%COLLATE%'";
const BY_ROW: &str = " AND query LIKE '%COLLATE%'";

#[tokio::test(flavor = "multi_thread")]
async fn a_word_is_counted_in_strides_side_by_side_and_without_sorting() {
    const PATH: &str =
        "histogram?step=1d&from=2026-03-01T00:00:00Z&to=2026-03-30T12:10:00Z&table=all&text=";
    const UNSEALED_BESIDE: &str = "\
        INSERT INTO log.patroni (log_time, error_severity, stream, position, message) \
        SELECT '2026-03-01 06:00+00'::timestamptz + day * INTERVAL '1 day', 'INFO', '03030303-0303-0303-0303-030303030303', day, 'no action' \
        FROM generate_series(0, 29) AS day";
    // The newest rows, the five of a day, have the frequent word: no index is asked for it.
    for (connections, used, word, is_sealed, way) in [
        (1, 1, "frequent", true, BY_ROW),
        (4, 2, "frequent", true, BY_ROW),
        (4, 2, "rare", true, BY_INDEX),
        (1, 1, "rare", true, BY_INDEX),
        (4, 2, "rare", false, BY_ROW),
    ] {
        let (service, client, database) =
            start(|config| config.database.query_connections = connections).await;
        store(&client).await;
        if is_sealed {
            seal(&client).await;
            // One of another table beside each, and not sealed.
            client.batch_execute(UNSEALED_BESIDE).await.unwrap();
        }
        let path = format!("{PATH}{word}");
        let answer = get(&service, &format!("{path}&explain=1")).await.to_string();
        assert!(answer.contains("Aggregate") && !answer.contains("\"Sort\""), "{answer}");
        let mut other = database.connect().await.unwrap();
        let lock = other.transaction().await.unwrap();
        // The first stride, which is a short one and asked for alone, is in the newest, with the day's rows; the second has the rest of it.
        let chunks = "SELECT string_agg(chunk::text, ', ') FROM log.chunk_status WHERE hypertable = 'log.postgres'::regclass \
                      AND range_start < '2026-03-29'";
        let chunks: String = lock.query_one(chunks, &[]).await.unwrap().get(0);
        let sql = format!("LOCK TABLE {chunks} IN ACCESS EXCLUSIVE MODE");
        lock.batch_execute(&sql).await.unwrap();
        let (answer, ()) = tokio::join!(get(&service, &path), async {
            let waiting = format!("{COUNTING}{way}");
            eventually("strides", async || number(&client, &waiting).await == used).await;
            lock.rollback().await.unwrap();
        });
        let expected = |day| match (word, day % 10 == 3) {
            ("rare", is_there) => i64::from(is_there),
            (_, true) => 4,
            (_, false) => 5,
        };
        let expected: Vec<_> = (0..30).map(expected).filter(|found| *found > 0).collect();
        let found = answer["buckets"].as_array().unwrap().iter();
        let found: Vec<_> = found.map(|bucket| bucket["total"].as_i64().unwrap()).collect();
        assert_eq!(found, expected, "{answer}");
        assert_eq!(answer["total"].as_i64(), Some(expected.iter().sum()), "{answer}");
        // The session is as it was for whoever comes next, as soon as it is given back.
        let is_sorted = async || {
            get(&service, "logs?text=frequent&explain=1").await.to_string().contains("Sort\"")
        };
        eventually("a session that sorts", is_sorted).await;
        service.stopped().await;
    }
}
