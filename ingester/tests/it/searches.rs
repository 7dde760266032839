//! Saved searches are each tenant's own; a tenant that asks too much waits; pages of other sites are kept out.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::access::Guarded;
use crate::service::start;

async fn send(
    guarded: &Guarded,
    token: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let request =
        reqwest::Client::new().request(method, guarded.service.url(path)).bearer_auth(token);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_is_its_tenants_own() {
    let guarded = Guarded::start(|_| {}).await;
    let (mine, alls) = (guarded.tenants_token().await, guarded.token(None).await);
    let all = "/api/v1/searches";
    let saved = json!({ "name": "deadlocks '\" 🐘", "query": "severity=ERROR&text=deadlock" });
    let (status, made) = send(&guarded, &mine, Method::POST, all, Some(saved.clone())).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!(
        (&made["name"], &made["query"], &made["created_by"]),
        (&saved["name"], &saved["query"], &"token test".into())
    );
    let one = format!("{all}/{}", made["id"].as_str().unwrap());
    assert_eq!(
        send(&guarded, &mine, Method::GET, &one, None).await,
        (StatusCode::OK, made.clone())
    );
    let (_, list) = send(&guarded, &mine, Method::GET, all, None).await;
    assert_eq!(list, json!({ "searches": [made] }));
    // Somebody else has none of it, whatever is tried.
    assert_eq!(send(&guarded, &alls, Method::GET, all, None).await.1, json!({ "searches": [] }));
    for (method, body) in
        [(Method::GET, None), (Method::PUT, Some(saved.clone())), (Method::DELETE, None)]
    {
        let (status, _) = send(&guarded, &alls, method.clone(), &one, body).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method}");
    }
    let other = json!({ "name": "n", "query": "" });
    let (status, changed) = send(&guarded, &mine, Method::PUT, &one, Some(other)).await;
    assert_eq!(
        (status, &changed["name"], &changed["created_at"]),
        (StatusCode::OK, &"n".into(), &made["created_at"])
    );
    for wrong in [
        json!({}),
        json!({ "name": "", "query": "" }),
        json!({ "name": "x".repeat(201), "query": "" }),
        json!({ "name": "a", "query": "x".repeat(16_385) }),
        json!({ "name": "a\0", "query": "" }),
        json!({ "name": "a", "query": "", "tenant": "b" }),
    ] {
        let (status, problem) = send(&guarded, &mine, Method::POST, all, Some(wrong)).await;
        assert_eq!((status, &problem["status"]), (StatusCode::BAD_REQUEST, &400.into()));
    }
    assert_eq!(send(&guarded, &mine, Method::DELETE, &one, None).await.0, StatusCode::NO_CONTENT);
    for id in [&one[..], "/api/v1/searches/x", "/api/v1/searches/%00", "/api/v1/searches/'--"] {
        assert_eq!(
            send(&guarded, &mine, Method::GET, id, None).await.0,
            StatusCode::NOT_FOUND,
            "{id}"
        );
    }
    let many = "INSERT INTO log.search (tenant, name, query, created_by) SELECT $1::text::name, n::text, '', 'x' FROM generate_series(1, 1000) AS n";
    guarded.client.execute(many, &[&guarded.tenant]).await.unwrap();
    let (status, _) = send(&guarded, &mine, Method::POST, all, Some(saved.clone())).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(send(&guarded, &alls, Method::POST, all, Some(saved)).await.0, StatusCode::CREATED);
    guarded.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_much_waits_and_keeps_nobody_else_waiting() {
    let guarded = Guarded::start(|config| {
        config.http.limits.statements = 1;
        config.http.limits.requests = 20;
    })
    .await;
    let (mine, alls) = (guarded.tenants_token().await, guarded.token(None).await);
    let statement = |token: &str| {
        let request =
            reqwest::Client::new().post(guarded.service.url("/api/v1/sql")).bearer_auth(token);
        request.json(&json!({ "sql": "SELECT pg_sleep(600)" })).send()
    };
    let running = tokio::spawn(statement(&mine));
    let running_now = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND datname = current_database() AND state = 'active'";
    crate::service::eventually("the statement to run", async || {
        crate::service::number(&guarded.client, running_now).await > 0
    })
    .await;
    let refused = statement(&mine).await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    // Its other requests, and others' statements, have their own places.
    assert_eq!(guarded.get("/api/v1/logs", &mine).await.0, StatusCode::OK);
    let others = reqwest::Client::new().post(guarded.service.url("/api/v1/sql")).bearer_auth(&alls);
    let answer = others.json(&json!({ "sql": "SELECT 1" })).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    running.abort();
    // The rate: a burst is let through, more isn't, and nobody else is counted with it.
    let burst =
        futures_util::future::join_all((0..200).map(|_| guarded.get("/api/v1/searches", &mine)))
            .await;
    let refused =
        burst.iter().filter(|(status, _)| *status == StatusCode::TOO_MANY_REQUESTS).count();
    assert!(refused > 0 && refused < 200, "{refused}");
    assert_eq!(guarded.get("/api/v1/searches", &alls).await.0, StatusCode::OK);
    guarded.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_told_of_configured_sites_only() {
    let ask = async |url: String, origin: &str| {
        let request = reqwest::Client::new().request(Method::OPTIONS, url).header("origin", origin);
        let request = request.header("access-control-request-method", "GET");
        let answer =
            request.header("access-control-request-headers", "authorization").send().await.unwrap();
        answer
            .headers()
            .get("access-control-allow-origin")
            .map(|origin| origin.to_str().unwrap().to_owned())
    };
    let (service, _client, _database) = start(|_| {}).await;
    assert_eq!(ask(service.url("/api/v1/logs"), "https://a.example").await, None);
    service.stopped().await;
    let (service, _client, _database) = start(|config| {
        config.http.cors_origins = vec!["https://a.example".to_owned().try_into().unwrap()];
    })
    .await;
    let allowed = ask(service.url("/api/v1/logs"), "https://a.example").await;
    assert_eq!(allowed.as_deref(), Some("https://a.example"));
    for origin in ["https://b.example", "https://a.example.b.example", "http://a.example", "null"] {
        assert_eq!(ask(service.url("/api/v1/logs"), origin).await, None, "{origin}");
    }
    service.stopped().await;
}
