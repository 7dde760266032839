//! Messages grouped by what they have in common.

use std::time::Duration;

use serde_json::{Value, json};

use crate::sender::{chunks, record};
use crate::service::{Service, start};

async fn patterns(service: &Service, query: &str) -> Value {
    let url = service.url(&format!("/api/v1/patterns?from=2026-11-22T00:00:00Z&{query}"));
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_kind_are_one_pattern_with_its_last_row() {
    let (service, _client, _database) = start(|_| {}).await;
    let log: String = (0..90)
        .map(|at| match at % 3 {
            0 => record(at, "ERROR", &format!("relation \"t{at}\" does not exist")),
            1 => record(at, "LOG", &format!("duration: {at}.5 ms  statement: SELECT {at}, '{at}'")),
            _ => record(at, "LOG", &format!("Verbindung von 10.0.0.{at} beendet")),
        })
        .collect();
    let mut sender = service.sender(1).await;
    sender.send(&chunks(log.as_bytes(), usize::MAX)[0], 0).await;
    assert!(sender.ack().await.is_some());
    let found = patterns(&service, "").await;
    assert_eq!((&found["examined"], &found["complete"]), (&json!(90), &json!(true)));
    let shown: Vec<_> = found["patterns"].as_array().unwrap().iter().collect();
    let texts: Vec<_> = shown.iter().map(|one| one["pattern"].as_str().unwrap()).collect();
    assert_eq!(
        texts,
        [
            "relation \"<name>\" does not exist",
            "Verbindung von <ip> beendet",
            "duration: <n> ms statement: SELECT <n>, '<text>'"
        ]
    );
    let error = shown[0];
    assert_eq!((&error["count"], &error["error_severity"]), (&json!(30), &json!("ERROR")));
    assert_eq!(
        (&error["first_seen"], &error["last_seen"]),
        (&json!("2026-11-22T00:00:00.715Z"), &json!("2026-11-22T00:01:27.715Z"))
    );
    assert_eq!(error["sample"]["message"], "relation \"t87\" does not exist");
    assert_eq!(error["sample"]["log_time"], error["last_seen"]);
    let one = patterns(&service, "limit=1&table=all&severity=LOG").await;
    assert_eq!(one["patterns"].as_array().unwrap().len(), 1);
    assert_eq!((&one["examined"], &one["patterns"][0]["count"]), (&json!(60), &json!(30)));
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_t_be_looked_at_in_time_is_said() {
    let (service, client, _database) =
        start(|config| config.http.query_timeout = Duration::from_secs(3)).await;
    // A second of sleep for each row of the first of two days.
    client
        .batch_execute(
            "INSERT INTO log.postgres (log_time, error_severity, message, stream, position) \
             SELECT '2026-11-22'::timestamptz + n * interval '1 hour', 'LOG', 'row ' || n, gen_random_uuid(), n \
             FROM generate_series(0, 47) AS n; \
             CREATE FUNCTION slow(day timestamptz) RETURNS text LANGUAGE sql \
             RETURN CASE WHEN day < '2026-11-23' THEN pg_sleep(1)::text ELSE '' END; \
             CREATE TABLE log.slow AS SELECT * FROM log.postgres; \
             ALTER TABLE log.postgres RENAME TO fast; ALTER TABLE log.slow RENAME TO slow_rows; \
             CREATE VIEW log.postgres AS SELECT log_time, namespace, cluster, pod, container, node, role, user_name, database_name, \
             process_id, connection_from, session_id, session_line_num, command_tag, session_start_time, virtual_transaction_id, \
             transaction_id, error_severity, sql_state_code, message || slow(log_time) AS message, detail, hint, internal_query, \
             internal_query_pos, context, query, query_pos, location, application_name, backend_type, leader_pid, query_id, stream, \
             position, escaped, extra FROM log.slow_rows",
        )
        .await
        .unwrap();
    let found = patterns(&service, "to=2026-11-24T00:00:00Z").await;
    assert_eq!(found["complete"], false, "{found}");
    let examined = found["examined"].as_i64().unwrap();
    assert!((1..=24).contains(&examined), "{found}");
    assert_eq!(found["patterns"][0]["pattern"], "row <n>");
    assert_eq!(found["patterns"][0]["sample"]["message"], "row 47");
    service.stopped().await;
}
