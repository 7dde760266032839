//! `POST /api/v1/sql`: what it answers, and what it doesn't however it is asked; see [`attacks`] for what is tried.

mod attacks;

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::access::Guarded;
use crate::service::{eventually, number};

/// A statement by who has this token.
async fn ask(guarded: &Guarded, token: &str, body: &Value) -> (StatusCode, Value) {
    let request = reqwest::Client::new().post(guarded.service.url("/api/v1/sql"));
    let answer = request.bearer_auth(token).json(body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn run(guarded: &Guarded, token: &str, sql: &str) -> (StatusCode, Value) {
    ask(guarded, token, &json!({ "sql": sql })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_answers_any_type_as_its_text() {
    let guarded = Guarded::start(|_| {}).await;
    let token = guarded.token(None).await;
    let sql = "SELECT 9007199254740993 AS big, 0.1::numeric(20, 10) AS n, NULL::text AS nothing, '' AS empty, ARRAY['a', 'b c'] AS list, \
               ROW(1, 'x')::text AS row, '{\"a\": 1}'::jsonb AS json, 'ERROR'::log.severity AS severity, interval '1 day' AS i, \
               '\\x00ff'::bytea AS bytes, point '(1,2)' AS p, 'NaN'::float8 AS f, int4range(1, 5) AS r, E'🐘\\n\"' AS text, pg_sleep(0), 1 AS big";
    let (status, answer) = run(&guarded, &token, sql).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let row = json!([[
        "9007199254740993",
        "0.1000000000",
        null,
        "",
        "{a,\"b c\"}",
        "(1,x)",
        "{\"a\": 1}",
        "ERROR",
        "1 day",
        "\\x00ff",
        "(1,2)",
        "NaN",
        "[1,5)",
        "🐘\n\"",
        "",
        "1"
    ]]);
    assert_eq!(answer["rows"], row);
    assert_eq!(answer["truncated"], false);
    let columns: Vec<_> =
        answer["columns"].as_array().unwrap().iter().map(|c| c["type"].as_str().unwrap()).collect();
    let kinds = "int8 numeric text text text[] text jsonb severity interval bytea point float8 int4range text void int4";
    assert_eq!(columns.join(" "), kinds);
    for (sql, rows) in [
        ("SHOW transaction_read_only", "on"),
        ("SELECT count(*) FROM log.postgres", "2"),
        ("VALUES (1)", "1"),
        ("WITH a AS (SELECT 2 AS b) TABLE a -- an end", "2"),
        ("SELECT session_user <> current_user AND current_user = 'trunkline_reader'", "t"),
    ] {
        let (status, answer) = run(&guarded, &token, sql).await;
        assert_eq!(
            (status, &answer["rows"]),
            (StatusCode::OK, &json!([[rows]])),
            "{sql}: {answer}"
        );
    }
    guarded.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_end_where_they_were_bounded_and_come_in_every_form() {
    let guarded = Guarded::start(|config| config.http.sql_bytes = bytesize::ByteSize::mib(1)).await;
    let token = guarded.tenants_token().await;
    let numbers = "SELECT n, NULL AS n, 'a,\"b' AS t FROM generate_series(1, 1500) AS n";
    let (_, answer) = run(&guarded, &token, numbers).await;
    assert_eq!(
        (answer["rows"].as_array().unwrap().len(), &answer["truncated"]),
        (1_000, &true.into())
    );
    let (_, answer) = ask(&guarded, &token, &json!({ "sql": numbers, "limit": 1500 })).await;
    assert_eq!(
        (answer["rows"].as_array().unwrap().len(), &answer["truncated"]),
        (1_500, &false.into())
    );
    let streamed = async |format: &str, limit: u32| {
        let request =
            reqwest::Client::new().post(guarded.service.url("/api/v1/sql")).bearer_auth(&token);
        let body = json!({ "sql": numbers, "limit": limit, "format": format });
        request.json(&body).send().await.unwrap().text().await.unwrap()
    };
    let csv = streamed("csv", 2).await;
    assert_eq!(csv, "n,n,t\r\n1,,\"a,\"\"b\"\r\n2,,\"a,\"\"b\"\r\n");
    let lines = streamed("ndjson", 1_500).await;
    assert_eq!(lines.lines().count(), 1_500);
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last, json!({ "n": "1500", "n_2": null, "t": "a,\"b" }));
    // More than may be read is an error before the answer, and breaks a stream off.
    let large = "SELECT repeat('x', 500000) FROM generate_series(1, 10)";
    let (status, problem) = run(&guarded, &token, large).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    let request =
        reqwest::Client::new().post(guarded.service.url("/api/v1/sql")).bearer_auth(&token);
    let answer = request.json(&json!({ "sql": large, "format": "csv" })).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.bytes().await.is_err(), "the stream has no end");
    guarded.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_is_answered_with_its_place_and_the_servers_words() {
    let guarded = Guarded::start(|_| {}).await;
    let token = guarded.tenants_token().await;
    let (status, problem) = run(&guarded, &token, "SELECT 'é', mesage FROM log.postgres").await;
    let expected = (StatusCode::BAD_REQUEST, &json!("42703"), &json!(13), &json!("sql"));
    assert_eq!(
        (status, &problem["sqlstate"], &problem["position"], &problem["parameter"]),
        expected,
        "{problem}"
    );
    assert!(
        problem["detail"].as_str().unwrap().contains("mesage") && problem["hint"].is_string(),
        "{problem}"
    );
    for body in [
        json!({}),
        json!({ "sql": 1 }),
        json!({ "sql": "SELECT 1", "limit": 0 }),
        json!({ "sql": "SELECT 1", "limit": 1e9 }),
        json!({ "sql": "SELECT 1", "limits": 1 }),
        json!({ "sql": "SELECT 1", "format": "xml" }),
        json!([]),
        json!({ "sql": "SELECT 'a\0'" }),
        json!({ "sql": format!("SELECT '{}'", "x".repeat(1 << 20)) }),
        json!({ "sql": "SELECT $1" }),
    ] {
        let (status, problem) = ask(&guarded, &token, &body).await;
        assert!(status.is_client_error() && problem["status"] == status.as_u16(), "{problem}");
    }
    let plain = reqwest::Client::new().post(guarded.service.url("/api/v1/sql")).bearer_auth(&token);
    let answer = plain.body("{\"sql\": \"SELECT 1\"}").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    guarded.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_takes_the_statement_along_and_who_stays_too_long_as_well() {
    let guarded = Guarded::start(|config| config.http.query_timeout = Duration::from_secs(2)).await;
    let token = guarded.token(None).await;
    let running = "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'trunkline_api_%' AND datname = current_database()";
    let asking = run(&guarded, &token, "SELECT pg_sleep(1000), 'stays'");
    let (status, problem) = asking.await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    eventually("the statement to end", async || number(&guarded.client, running).await == 0).await;
    guarded.stopped().await;

    let guarded =
        Guarded::start(|config| config.http.query_timeout = Duration::from_secs(600)).await;
    let token = guarded.token(None).await;
    for format in ["json", "csv"] {
        let request =
            reqwest::Client::new().post(guarded.service.url("/api/v1/sql")).bearer_auth(&token);
        // A stream's first rows are more than is handed on at once.
        let sql = "SELECT repeat('x', 100), CASE WHEN n > 2000 THEN pg_sleep(1000) END, 'goes' FROM generate_series(1, 3000) AS n";
        let body = json!({ "sql": sql, "format": format, "limit": 3000 });
        let asking = tokio::spawn(async move {
            let answer = request.json(&body).send().await.unwrap();
            answer.bytes().await.map(drop)
        });
        eventually("the statement to run", async || number(&guarded.client, running).await == 1)
            .await;
        asking.abort();
        eventually("the statement to end", async || number(&guarded.client, running).await == 0)
            .await;
    }
    guarded.stopped().await;
}

/// Everything that must be as it was, whoever tried what.
async fn state(guarded: &Guarded) -> String {
    let sql = "SELECT concat_ws(' ', (SELECT string_agg(p.message, ',' ORDER BY message) FROM log.postgres AS p), \
               (SELECT string_agg(g::text, ' ' ORDER BY g) FROM log.reader_cluster AS g), (SELECT count(*) FROM log.token), \
               (SELECT string_agg(concat(relname, relacl, relowner, relrowsecurity), ' ' ORDER BY oid) FROM pg_class WHERE relnamespace = 'log'::regnamespace), \
               (SELECT string_agg(concat(rolname, rolsuper, rolbypassrls, rolpassword), ' ' ORDER BY rolname) FROM pg_authid \
                WHERE rolname LIKE $1 OR pg_has_role(oid, $1, 'MEMBER')), \
               (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711), (SELECT count(*) FROM pg_class WHERE relname LIKE 'climb%'))";
    guarded.client.query_one(sql, &[&guarded.tenant]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_on_tenancy_and_on_the_machine_are_refused() {
    let guarded = Guarded::start(|config| {
        config.http.query_timeout = Duration::from_secs(3);
        config.http.sql_bytes = bytesize::ByteSize::mib(4);
    })
    .await;
    let token = guarded.tenants_token().await;
    guarded.client.batch_execute("CREATE EXTENSION dblink").await.unwrap();
    // The login is there before what is there is noted.
    run(&guarded, &token, "SELECT 1").await;
    let about = "SELECT current_user::text, current_database()::text, current_setting('port'), \
                 (SELECT chunk::text FROM log.chunk_status WHERE hypertable = 'log.postgres'::regclass LIMIT 1), \
                 (SELECT login::text FROM log.login LIMIT 1)";
    let row = guarded.client.query_one(about, &[]).await.unwrap();
    let names = ["{owner}", "{db}", "{port}", "{chunk}", "{login}"];
    let named = |sql: &str| {
        let mut sql = sql.replace("{me}", &guarded.tenant);
        for (at, name) in names.iter().enumerate() {
            sql = sql.replace(name, row.get::<_, &str>(at));
        }
        sql
    };
    let before = state(&guarded).await;
    let mut wrong = Vec::new();
    for (attacks, must_be_refused) in [(attacks::REFUSED, true), (attacks::IN_VAIN, false)] {
        for attack in attacks {
            let sql = named(attack);
            let (status, answer) = run(&guarded, &token, &sql).await;
            let refused = status.is_client_error() && answer["status"] == status.as_u16();
            let shown = answer.to_string().contains("of theirs");
            if shown || !(refused || (status == StatusCode::OK && !must_be_refused)) {
                wrong.push(format!("{sql}: {status} {answer:.300}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(state(&guarded).await, before);
    // What one of them set is nobody's a statement later.
    let (_, answer) = run(
        &guarded,
        &token,
        "SELECT current_user, current_setting('statement_timeout'), count(*) FROM log.postgres",
    )
    .await;
    assert_eq!(answer["rows"], json!([[guarded.tenant, "3s", "1"]]));
    guarded.client.batch_execute("DROP EXTENSION dblink").await.unwrap();
    guarded.stopped().await;
}
