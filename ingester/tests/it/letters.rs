//! Upper and lower case in a search are the database's own, in whatever language, however a text is compared.

use serde_json::Value;
use tokio_postgres::Client;
use trunkline_harness::Store;

use crate::service::{Service, number, seal};

/// What may be taken for one another, or only in some language.
const TEXTS: [&str; 12] = [
    "INSERT",
    "insert",
    "\u{130}nsert",
    "\u{131}nsert",
    "iNSERT é",
    "10 K",
    "10 k",
    "10 \u{212a}",
    "10 \u{212a}\u{130}",
    "ÉTÉ",
    "été",
    "\u{cc}nsert",
];
const SEARCHED: [&str; 13] = [
    "insert", "INSERT", "i", "I", "10 k", "10 K", "ki", "nsert", "SERT", "é", "\u{130}",
    "\u{131}N", "\u{212a}",
];

/// Beyond ASCII, the characters that have one of ASCII in lower case, but for the two that are known to: of Kelvin, and the dotted `I`.
const UNKNOWN: &str = "SELECT count(*) FROM generate_series(128, 1114111) AS c \
    WHERE c NOT BETWEEN 55296 AND 57343 AND lower(chr(c)) ~ '[\\x01-\\x7f]' AND c NOT IN (x'212a'::integer, x'130'::integer)";

async fn check(service: &Service, client: &Client) {
    assert_eq!(number(client, UNKNOWN).await, 0);
    for text in TEXTS {
        // As message, and in another column beside a message that isn't alike.
        let insert = "INSERT INTO log.postgres (log_time, error_severity, stream, position, message, context) \
            SELECT '2026-03-01 12:00+00'::timestamptz + number * INTERVAL '1 s', 'LOG', '01010101-0101-0101-0101-010101010101', \
            (SELECT count(*) FROM log.postgres) + number, CASE number WHEN 1 THEN $1 ELSE '-' END, CASE number WHEN 2 THEN $1 END \
            FROM generate_series(1, 2) AS number";
        client.execute(insert, &[&text]).await.unwrap();
    }
    for searched in SEARCHED {
        let told = "SELECT count(*) FROM log.postgres WHERE message ILIKE $1 OR context ILIKE $1";
        let told: i64 = client.query_one(told, &[&format!("%{searched}%")]).await.unwrap().get(0);
        // In the first rows that are looked at, in what the server is asked for, and counted.
        for (path, limit) in [("logs", "100"), ("logs", "5000"), ("histogram", "")] {
            for (name, expected) in [("text", told), ("text!", 2 * TEXTS.len() as i64 - told)] {
                let url = service.url(&format!("/api/v1/{path}"));
                let mut pairs = vec![(name, searched)];
                if !limit.is_empty() {
                    pairs.push(("limit", limit));
                }
                let answer = reqwest::Client::new().get(url).query(&pairs).send().await.unwrap();
                let answer: Value = answer.json().await.unwrap();
                let found = answer["total"].as_i64();
                let found = found.or(answer["rows"].as_array().map(|rows| rows.len() as i64));
                assert_eq!(found, Some(expected), "{path} {limit} {name} {searched}: {answer}");
            }
        }
    }
}

/// Half of the rows have the text in ASCII, most of these in capitals. All hypertable chunks but one can be asked by an index.
async fn check_sealed(service: &Service, client: &Client) {
    let insert = "INSERT INTO log.postgres (log_time, error_severity, stream, position, message, query) \
        SELECT '2026-04-01 00:00+00'::timestamptz + n / 240 * INTERVAL '1 day' + n % 240 * INTERVAL '1 minute', 'LOG', \
        '02020202-0202-0202-0202-020202020202', n, CASE WHEN n % 10 < 2 THEN 'duration: 1 ms  INSERT' WHEN n % 10 < 4 THEN 'an insert' ELSE '-' END, \
        CASE n % 10 WHEN 4 THEN 'INSERT' WHEN 5 THEN '\u{130}NSERT' WHEN 6 THEN '\u{131}nsert' END FROM generate_series(0, 1919) AS n";
    client.batch_execute(insert).await.unwrap();
    seal(client).await;
    let indexes = "SELECT indexrelid::regclass::text FROM pg_stat_user_indexes WHERE indexrelname LIKE '%\\_search' ORDER BY indexrelid";
    let indexes = client.query(indexes, &[]).await.unwrap();
    let [.., unsealed, _] = &indexes[..] else { panic!("{indexes:?}") };
    let unsealed: String = unsealed.get(0);
    client.batch_execute(&format!("DROP INDEX {unsealed}")).await.unwrap();
    for searched in ["insert", "INSERT", "nser"] {
        let told = "SELECT count(*) FROM log.postgres WHERE message ILIKE $1 OR query ILIKE $1 OR context ILIKE $1";
        let told: i64 = client.query_one(told, &[&format!("%{searched}%")]).await.unwrap().get(0);
        let url = service.url("/api/v1/histogram");
        let answer =
            reqwest::Client::new().get(url).query(&[("text", searched)]).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["total"].as_i64(), Some(told), "{searched}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn upper_and_lower_case_are_the_databases_own() {
    let database = Store::database().await.unwrap();
    let service = Service::start(&database, |_| {}).await;
    let client = database.connect().await.unwrap();
    check(&service, &client).await;
    check_sealed(&service, &client).await;
    service.stopped().await;
}

/// Where `I` without a dot is another letter than `i`.
#[tokio::test(flavor = "multi_thread")]
async fn so_they_are_in_a_database_in_turkish() {
    let database = Store::database().await.unwrap();
    let owner = database.connect().await.unwrap();
    let name = format!("{}_turkish", database.name());
    let create = format!(
        "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'tr'"
    );
    owner.batch_execute(&create).await.unwrap();
    let url = trunkline_harness::database::with_database(database.url(), &name).unwrap();
    let service =
        Service::start(&database, |config| config.database.url = Some(url.parse().unwrap())).await;
    let client = trunkline_harness::database::connect(&url).await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) WHERE 'INSERT' ILIKE 'insert'").await, 0);
    check(&service, &client).await;
    check_sealed(&service, &client).await;
    service.stopped().await;
    drop(client);
    owner.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}
