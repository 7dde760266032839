//! Who asked what: a row for each request, that is counted and shown like any other, to whom it may be shown.

use serde_json::{Value, json};
use trunkline_ingester::config::Config;

use crate::access::Guarded;
use crate::service::{eventually, number, start};
use crate::tail::client::Client;

const ROWS: &str = "SELECT count(*) FROM log.component WHERE component = 'trunkline-audit'";

fn without_limits(config: &mut Config) {
    config.http.limits.requests = 100_000;
    config.http.limits.concurrent = 100_000;
}

/// What is kept of the requests, in their order, once there are so many.
async fn kept(guarded: &Guarded, count: i64) -> Vec<Value> {
    eventually("the rows", async || number(&guarded.client, ROWS).await >= count).await;
    let sql = "SELECT extra FROM log.component WHERE component = 'trunkline-audit' ORDER BY log_time, stream, position";
    let rows = guarded.client.query(sql, &[]).await.unwrap();
    assert_eq!(rows.len() as i64, count);
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_leaves_a_row_that_says_who_asked_what_and_nothing_secret() {
    let guarded = Guarded::start(|_| {}).await;
    let (tenants, alls) = (guarded.tenants_token().await, guarded.token(None).await);
    let http = reqwest::Client::builder().user_agent("a test/1").build().unwrap();
    let get = async |path: &str, token: &str| {
        let asked = http.get(guarded.service.url(path)).bearer_auth(token);
        let answer = asked.header("x-forwarded-for", "192.0.2.7").send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.text().await.unwrap())
    };
    let long = "x".repeat(3_000);
    // Each is stored before the next comes, so that they have an order.
    let mut stored = 0;
    let mut next = async || {
        stored += 1;
        kept(&guarded, stored).await.pop().unwrap()
    };
    assert_eq!(get("/api/v1/logs?text=of&limit=7", &tenants).await.0, 200);
    let mut row = next().await;
    let client = row["client"].take();
    assert!(client.as_str().unwrap().starts_with("127.0.0.1:"), "{client}");
    assert!(row["milliseconds"].take().is_u64());
    assert_eq!(
        row,
        json!({
            "name": "token test", "tenant": guarded.tenant, "access": "token", "method": "GET", "path": "/api/v1/logs",
            "query": "text=of&limit=7", "status": 200, "rows": 1, "milliseconds": null, "client": null,
            "forwarded_for": "192.0.2.7", "user_agent": "a test/1",
        })
    );
    for (path, token, status, rows) in [
        ("/api/v1/logs?format=ndjson", &alls, 200, json!(2)),
        ("/api/v1/logs?format=csv&cluster=mine", &alls, 200, json!(1)),
        ("/api/v1/logs?cluster=theirs", &tenants, 200, json!(0)),
        ("/api/v1/histogram", &alls, 200, Value::Null),
        ("/api/v1/clusters", &tenants, 200, Value::Null),
        ("/api/v1/searches", &tenants, 200, Value::Null),
        ("/api/v1/facets", &alls, 400, Value::Null),
        ("/api/v1/logs?where=no", &alls, 400, Value::Null),
        (&format!("/api/v1/logs?text={tenants}"), &alls, 200, json!(0)),
        (&format!("/api/v1/logs?text={long}"), &alls, 200, json!(0)),
    ] {
        assert_eq!(get(path, token).await.0, status, "{path}");
        let row = next().await;
        assert_eq!((&row["status"], &row["rows"]), (&status.into(), &rows), "{path}: {row}");
        assert_eq!(row["tenant"].is_string(), *token == tenants, "{path}");
        if path.len() < 70 {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            assert_eq!((&row["path"], row["query"].as_str().unwrap_or("")), (&path.into(), query));
        }
        assert!(row["query"].as_str().unwrap_or("").len() < 2_100, "{row}");
    }
    let sql = "SELECT n FROM generate_series(1, 5) AS n";
    let asked = http.post(guarded.service.url("/api/v1/sql")).bearer_auth(&tenants);
    assert_eq!(asked.json(&json!({ "sql": sql })).send().await.unwrap().status(), 200);
    let row = next().await;
    assert_eq!((&row["statement"], &row["rows"]), (&sql.into(), &5.into()), "{row}");
    let mut watching = Client::connect_as(&guarded.service, "table=all", &alls).await;
    let mut sender = guarded.service.sender(9).await;
    watching.nothing_more(&guarded.service, &mut sender).await;
    drop(watching);
    let row = next().await;
    assert_eq!((&row["path"], &row["status"]), (&"/api/v1/tail".into(), &200.into()), "{row}");
    assert!(row["rows"].as_i64().unwrap() >= 1, "{row}");
    // Who isn't let in, and what isn't about logs, leaves none.
    for path in ["/api/v1/logs", "/api/v1/me", "/metrics", "/nothing"] {
        get(path, "trunkline_wrong").await;
    }
    assert_eq!(get("/api/v1/patterns", &alls).await.0, 200);
    assert_eq!(next().await["path"], "/api/v1/patterns");
    for token in [tenants, alls] {
        let secret = token.strip_prefix("trunkline_").unwrap();
        let showing = format!(
            "SELECT count(*) FROM log.component AS c WHERE c::text LIKE '%{}%'",
            &secret[..16]
        );
        assert_eq!(number(&guarded.client, &showing).await, 0);
    }
    guarded.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_are_counted_and_shown_and_are_no_tenant_s() {
    let guarded = Guarded::start(|_| {}).await;
    let (tenants, alls) = (guarded.tenants_token().await, guarded.token(None).await);
    // Whoever grants a tenant what it can: a row without a cluster is none's.
    let all = "INSERT INTO log.reader_cluster SELECT $1::text::name, n, c FROM unnest(ARRAY['', 'trunkline-audit']) AS n, \
               unnest(ARRAY['', 'trunkline-audit']) AS c";
    guarded.client.execute(all, &[&guarded.tenant]).await.unwrap();
    let mut watching = Client::connect_as(&guarded.service, "table=component", &alls).await;
    for _ in 0..3 {
        guarded.get("/api/v1/logs", &tenants).await;
    }
    eventually("the rows", async || number(&guarded.client, ROWS).await == 3).await;
    assert_eq!(watching.rows(3).await.len(), 3);
    let counted = async |token: &str| {
        let path = "/api/v1/facets?table=component&field=component&from=-1h";
        guarded.get(path, token).await.1["facets"][0]["values"].clone()
    };
    let found = counted(&alls).await;
    assert!(
        found[0]["value"] == "trunkline-audit" && found[0]["count"].as_i64() >= Some(3),
        "{found}"
    );
    assert_eq!(counted(&tenants).await, json!([]));
    let found = guarded.get("/api/v1/logs?table=all&component=trunkline-audit", &alls).await.1;
    assert!(found["rows"][0]["message"].as_str().unwrap().contains(" by token test"), "{found}");
    for path in ["logs?table=component", "logs?table=all&cluster=", "patterns?table=component"] {
        let found = guarded.get(&format!("/api/v1/{path}"), &tenants).await.1;
        assert!(!found.to_string().contains("trunkline-audit"), "{path}: {found}");
    }
    let asked =
        reqwest::Client::new().post(guarded.service.url("/api/v1/sql")).bearer_auth(&tenants);
    let seen = asked.json(&json!({ "sql": "SELECT count(*) FROM log.component" })).send().await;
    assert_eq!(seen.unwrap().json::<Value>().await.unwrap()["rows"], json!([["0"]]));
    guarded.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_never_wait_for_their_rows_and_what_is_lost_is_said() {
    const ASKED: u64 = 6_000;
    let mut guarded = Guarded::start(without_limits).await;
    let token = guarded.token(None).await;
    let lock = guarded.client.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE log.delivered_chunk IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let http = reqwest::Client::new();
    let asking = (0..8).map(|_| {
        let (http, url) = (http.clone(), guarded.service.url("/api/v1/logs?what"));
        let token = token.clone();
        tokio::spawn(async move {
            for _ in 0..ASKED / 8 {
                let answer = http.get(&url).bearer_auth(&token).send().await.unwrap();
                assert_eq!(answer.status(), 400);
            }
        })
    });
    for asking in asking.collect::<Vec<_>>() {
        asking.await.unwrap();
    }
    let lost = guarded.service.metric("audit_lost_total").await as i64;
    assert!(lost > 0);
    lock.rollback().await.unwrap();
    let told = "SELECT coalesce(sum((extra->>'lost')::bigint), 0)::bigint FROM log.component WHERE error_severity = 'WARNING'";
    eventually("the loss to be told", async || number(&guarded.client, told).await == lost).await;
    let whole = format!("SELECT ({ROWS} AND error_severity = 'LOG') + {lost}");
    eventually("the rest", async || number(&guarded.client, &whole).await == ASKED as i64).await;
    guarded.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_before_a_stop_is_stored_and_where_anybody_may_ask_nothing_is() {
    let (service, client, database) = start(|config| config.http.audit = Some(true)).await;
    assert_eq!(service.status("/api/v1/logs?text=secret").await, 200);
    service.stopped().await;
    assert_eq!(number(&client, ROWS).await, 1);
    let row = client.query_one("SELECT message FROM log.component", &[]).await.unwrap();
    assert!(row.get::<_, String>(0).starts_with("GET /api/v1/logs by anybody: 200, 0 rows, "));
    let service = crate::service::Service::start(&database, |_| {}).await;
    assert_eq!(service.status("/api/v1/logs?text=secret").await, 200);
    service.stopped().await;
    assert_eq!(number(&client, ROWS).await, 1);
}
