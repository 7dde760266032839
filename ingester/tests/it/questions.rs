//! What else can be asked: a row's neighbours, the clusters, the plan; and what is refused.

use serde_json::Value;
use trunkline_record::Table;

use crate::sender::{RECORD, chunk_of, chunks, log, record, record_of};
use crate::service::{Service, number, start};

async fn get(service: &Service, path: &str) -> (u16, Value) {
    let answer = reqwest::get(service.url(path)).await.unwrap();
    let status = answer.status().as_u16();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    let text = answer.text().await.unwrap();
    assert_eq!(kind == "application/problem+json", status >= 400, "{path}: {kind}: {text}");
    (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}")))
}

fn messages(rows: &Value) -> Vec<String> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_has_its_neighbours_over_all_tables_of_its_file() {
    let (service, _client, _database) = start(|_| {}).await;
    let texts: Vec<String> = (0..9).map(|at| format!("of one file {at}")).collect();
    let tables = [Table::Postgres, Table::Patroni, Table::Component];
    // Some of the same second, and the last one hours later.
    let records: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(at, text)| {
            record_of(tables[at % 3], if at == 8 { 9_000 } else { at / 2 }, text.as_bytes())
        })
        .collect();
    let mut sender = service.sender(1).await;
    sender.send(&chunk_of(0, &records), 0).await;
    assert!(sender.ack().await.is_some());
    let mut other = service.sender(2).await;
    other.send(&chunk_of(0, &[record_of(Table::Postgres, 2, b"of another file")]), 0).await;
    assert!(other.ack().await.is_some());

    let row = format!(
        "/api/v1/context?log_time=2026-11-22T00:00:02Z&stream=01010101-0101-0101-0101-010101010101&position={}",
        4 * RECORD
    );
    let (_, answer) = get(&service, &row).await;
    assert_eq!(answer["row"]["message"], "of one file 4");
    assert_eq!(messages(&answer["before"]), texts[..4]);
    assert_eq!(messages(&answer["after"]), texts[5..8], "an hour at most");
    let (_, answer) = get(&service, &format!("{row}&before=1&after=2&window=1d")).await;
    assert_eq!(messages(&answer["before"]), texts[3..4]);
    assert_eq!(messages(&answer["after"]), texts[5..7]);
    let (_, answer) = get(&service, &format!("{row}&window=1d&table=patroni")).await;
    assert_eq!(answer["row"]["message"], "of one file 4");
    assert_eq!(messages(&answer["after"]), [texts[7].as_str()]);
    let (status, _) = get(&service, &row.replace("position=400", "position=401")).await;
    assert_eq!(status, 404);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_has_its_neighbours_in_its_session() {
    let (service, _client, _database) = start(|_| {}).await;
    let of_session = |second, session: &str| {
        record(second, "LOG", &format!("{session} {second}")).replace("65f0.1267", session)
    };
    let log: String = (0..20)
        .map(|second| of_session(second, if second % 3 == 0 { "65f0.1" } else { "65f0.2" }))
        .collect();
    let mut sender = service.sender(1).await;
    sender.send(&chunks(log.as_bytes(), 1 << 20)[0], 0).await;
    assert!(sender.ack().await.is_some());
    let (_, page) = get(&service, "/api/v1/logs?text=65f0.1%209").await;
    let row = &page["rows"][0];
    let (_, answer) = get(
        &service,
        &format!(
            "/api/v1/context?within=session&before=2&log_time={}&stream={}&position={}",
            row["log_time"].as_str().unwrap(),
            row["stream"].as_str().unwrap(),
            row["position"]
        ),
    )
    .await;
    assert_eq!(messages(&answer["before"]), ["65f0.1 3", "65f0.1 6"]);
    assert_eq!(messages(&answer["after"]), ["65f0.1 12", "65f0.1 15", "65f0.1 18"]);
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_are_those_that_sent_something() {
    let (service, _client, _database) = start(|_| {}).await;
    assert_eq!(get(&service, "/api/v1/clusters").await.1["clusters"], Value::Array(Vec::new()));
    for stream in [1, 2] {
        let mut sender = service.sender(stream).await;
        sender.send(&chunks(&log(3), 1 << 20)[0], 0).await;
        assert!(sender.ack().await.is_some());
    }
    let (_, answer) = get(&service, "/api/v1/clusters").await;
    let clusters = answer["clusters"].as_array().unwrap();
    assert_eq!(clusters.len(), 1, "{answer}");
    assert_eq!(clusters[0]["cluster"], "orders");
    assert_eq!(clusters[0]["namespace"], Value::Null);
    assert_eq!(clusters[0]["pods"].as_array().unwrap().len(), 1);
    let pod = &clusters[0]["pods"][0];
    assert_eq!(
        (&pod["pod"], &pod["streams"], &pod["gaps"]),
        (&"orders-0".into(), &2.into(), &0.into())
    );
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_shown_for_every_statement() {
    let (service, _client, _database) = start(|_| {}).await;
    for path in [
        "logs?text=a",
        "logs?table=all&where=pod%3D%27a%27",
        "histogram?from=-1h&to=now",
        "facets?field=user",
    ] {
        let (status, answer) = get(&service, &format!("/api/v1/{path}&explain=1")).await;
        assert_eq!(status, 200, "{path}: {answer}");
        let statements = answer["statements"].as_array().unwrap();
        assert!(!statements.is_empty(), "{path}: {answer}");
        for statement in statements {
            assert!(statement["sql"].as_str().unwrap().contains("log."), "{path}: {answer}");
            assert!(statement["plan"][0]["Plan"].is_object(), "{path}: {answer}");
        }
    }
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_asked_for_in_slices_that_grow_from_the_wanted_end() {
    let (service, client, _database) = start(|_| {}).await;
    client
        .batch_execute(
            "INSERT INTO log.postgres (log_time, error_severity, stream, position) \
             SELECT '2026-03-01 12:00+00'::timestamptz + day * interval '1 day', 'LOG', gen_random_uuid(), 1 \
             FROM generate_series(0, 9) AS day",
        )
        .await
        .unwrap();
    for (order, first, second) in
        [("desc", "log_time >= $2", "log_time < $3"), ("asc", "log_time < $2", "log_time >= $2")]
    {
        let path = format!("/api/v1/logs?explain=1&order={order}");
        let (_, answer) = get(&service, &path).await;
        let statements = answer["statements"].as_array().unwrap();
        // Ten hypertable chunks: 1, 4, and what is left.
        assert_eq!(statements.len(), 3, "{answer}");
        let sql = |at: usize| statements[at]["sql"].as_str().unwrap();
        assert!(sql(0).contains(first) && sql(1).contains(second), "{answer}");
        let chunks = |at: usize| {
            statements[at]["plan"].to_string().matches("\"Relation Name\":\"_hyper_").count()
        };
        assert_eq!([chunks(0), chunks(1), chunks(2)], [1, 4, 5], "{answer}");
        // A text is looked for among the first rows before an index is asked; behind the first two hypertable chunks it is gathered.
        let (_, answer) = get(&service, &format!("{path}&text=a")).await;
        let statements = answer["statements"].as_array().unwrap();
        let has = |at: usize, part| statements[at]["sql"].as_str().unwrap().contains(part);
        let chunks = |at: usize| {
            statements[at]["plan"].to_string().matches("\"Relation Name\":\"_hyper_").count()
        };
        assert!(has(0, ") AS first WHERE"), "{answer}");
        assert_eq!([chunks(1), chunks(2), chunks(3)], [1, 1, 8], "{answer}");
        assert_eq!(
            [1, 2, 3].map(|at| has(at, "make_interval()")),
            [false, false, true],
            "{answer}"
        );
    }
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_means_harm_is_refused_and_changes_nothing() {
    let (service, client, _database) = start(|_| {}).await;
    let mut sender = service.sender(1).await;
    sender.send(&chunks(&log(3), 1 << 20)[0], 0).await;
    assert!(sender.ack().await.is_some());
    let http = reqwest::Client::new();
    let deep = "(".repeat(4_000);
    let long = format!("pod = '{}'", "a".repeat(60_000));
    let many = format!("pod IN ({})", vec!["'a'"; 2_000].join(","));
    for (endpoint, name, value) in [
        // Injection.
        ("logs", "where", "pod = 'a'; DROP TABLE log.postgres"),
        ("logs", "where", "TRUE) UNION SELECT * FROM pg_shadow --"),
        ("logs", "where", "pod = (SELECT passwd FROM pg_shadow LIMIT 1)"),
        ("logs", "where", "pg_sleep(3600) IS NULL"),
        ("logs", "where", "pg_read_file('/etc/passwd') = ''"),
        ("logs", "where", "set_config('statement_timeout', '0', false) = ''"),
        ("logs", "where", "query_to_xml('DROP TABLE log.postgres', true, true, '') IS NULL"),
        ("logs", "where", "process_id = 1/0"),
        ("logs", "where", "ctid = '(0,1)'"),
        ("logs", "severity", "ERROR'::log.severity) OR (1=1"),
        ("logs", "pid", "1 OR 1=1"),
        ("logs", "table", "postgres; DROP TABLE log.postgres"),
        ("logs", "order", "desc, (SELECT 1)"),
        ("logs", "limit", "1; DROP TABLE log.postgres"),
        ("logs", "cursor", "01' OR '1'='1"),
        ("facets", "field", "user_name) FROM pg_shadow --"),
        ("facets", "field", "(SELECT 1)"),
        ("histogram", "step", "1s'; DROP TABLE log.postgres --"),
        ("context", "stream", "' OR 1=1 --"),
        // What a value can do to the server.
        ("logs", "regex", "((("),
        ("logs", "regex", "(a{255}){255}{255}"),
        ("logs", "where", "message ~ '[z-a]'"),
        ("logs", "where", r"message LIKE '\'"),
        ("logs", "from", "9999999w"),
        ("logs", "text", "nul\0"),
        ("logs", "where", deep.as_str()),
        ("logs", "where", many.as_str()),
        ("logs", "where", long.as_str()),
        ("logs", "limit", "4294967296"),
        ("histogram", "buckets", "4294967296"),
        ("facets", "limit", "1000000000"),
    ] {
        let url = service.url(&format!("/api/v1/{endpoint}"));
        let answer = http.get(url).query(&[(name, value)]).send().await.unwrap();
        let status = answer.status();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        let text = answer.text().await.unwrap();
        assert!(status.is_client_error(), "{name}={value}: {status} {text}");
        assert_eq!(kind, "application/problem+json", "{name}={value}: {text}");
    }
    assert_eq!(number(&client, "SELECT count(*) FROM log.postgres").await, 3);
    assert_eq!(service.status("/api/v1/logs").await, 200);
    service.stopped().await;
}
