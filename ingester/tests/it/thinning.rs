//! An index of texts is asked for little of a text of frequent words, and what is found is what has the text.

use serde_json::Value;
use tokio_postgres::Client;

use crate::service::{Service, number, seal, start};

async fn get(service: &Service, path: &str, text: &str) -> Value {
    let url = service.url(&format!("/api/v1/{path}"));
    let answer = reqwest::Client::new().get(url).query(&[("text", text)]).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path} {text}");
    answer.json().await.unwrap()
}

/// Eight days of 240 rows each; some have the parts of what others have as a whole. An index as sealing makes it.
async fn store(client: &Client) {
    client
        .batch_execute(
            r#"INSERT INTO log.postgres (log_time, error_severity, stream, position, message, detail)
            SELECT '2026-03-01 00:00+00'::timestamptz + n / 240 * INTERVAL '1 day' + n % 240 * INTERVAL '1 minute', 'LOG',
                   '01010101-0101-0101-0101-010101010101', n,
                   CASE n % 40
                   WHEN 1 THEN 'relation "Invoice_57" does not exist'
                   WHEN 2 THEN 'SELECT FROM orders_57 JOIN invoice WHERE id = ' || n
                   WHEN 3 THEN 'SELECT FROM account WHERE id = 1234567'
                   WHEN 4 THEN 'SELECT FROM invoice where ID = 1234567'
                   WHEN 5 THEN 'SELECT FROM invoice WHERE id = 123 4567, 345, 234, 456, 567'
                   WHEN 6 THEN '100%_of\it, İnvoice_57'
                   WHEN 7 THEN '100 %_of \it, 100%_of, %_of\it'
                   ELSE 'duration: ' || n % 997 || ' ms  SELECT state FROM '
                        || (ARRAY['invoice', 'account', 'orders'])[n % 3 + 1] || ' WHERE id = $1, 100%_of it'
                   END,
                   CASE WHEN n % 40 = 8 THEN 'FROM invoice' END
            FROM generate_series(0, 1919) AS n"#,
        )
        .await
        .unwrap();
}

/// Positions of rows that have the text by `ILIKE`, the newest first.
async fn truth(client: &Client, text: &str) -> Vec<i64> {
    let escaped: String = text
        .chars()
        .map(|c| if "%_\\".contains(c) { format!("\\{c}") } else { c.to_string() })
        .collect();
    let sql = "SELECT position FROM log.postgres WHERE message ILIKE $1 OR detail ILIKE $1 ORDER BY position DESC";
    let rows = client.query(sql, &[&format!("%{escaped}%")]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_the_parts_is_not_taken_for_what_has_the_text() {
    let (service, client, _database) = start(|_| {}).await;
    store(&client).await;
    seal(&client).await;
    let indexes = "SELECT count(*) FROM pg_indexes WHERE indexname LIKE '%\\_search' AND indexdef LIKE '%gin%'";
    assert_eq!(number(&client, indexes).await, 8);
    // Of a short text, and of what is nowhere, all is asked for.
    for (text, is_thinned) in [
        ("invoice_57", true),
        ("INVOICE_57", true),
        ("FROM invoice WHERE id = 1234567", true),
        ("invoice where id = 123 4567", true),
        (r"select 100%_of\it", true),
        ("relation \"Invoice_57\" does", true),
        ("duration: 7 ms  SELECT", true),
        ("FROM invoice", true),
        ("no such invoice_57", true),
        ("1234567", true),
        (r"100%_of\it", true),
        (r"%_of\it", false),
        ("zanzibar-q7", true),
        ("zanzibarq7", false),
    ] {
        let truth = truth(&client, text).await;
        let answer = get(&service, "logs?limit=900", text).await;
        let rows = answer["rows"].as_array().unwrap().iter();
        let found: Vec<_> = rows.map(|row| row["position"].as_i64().unwrap()).collect();
        assert_eq!(found, truth[..truth.len().min(900)], "{text}");
        let counted = get(&service, "histogram", text).await;
        assert_eq!(counted["total"].as_u64(), Some(truth.len() as u64), "{text}");
        let explained = get(&service, "logs?limit=900&explain=1", text).await;
        let last = explained["statements"].as_array().unwrap().last().unwrap();
        assert_eq!(last["sql"].as_str().unwrap().contains("COLLATE"), is_thinned, "{text}: {last}");
    }
    let explained = get(&service, "logs?limit=900&explain=1", "invoice_57").await.to_string();
    assert!(
        explained.contains(r"message ~~ '%\\_57%'::text) AND (message ~~* '%inv%'"),
        "{explained}"
    );
    service.stopped().await;
}
