//! What somebody could try at every endpoint who has a token of one tenant, or none: to have a text taken for SQL, to see what is another's, to
//! use the service up. [`values`] lists it; what can be tried with SQL of one's own is in [`super::sql`].
//!
//! Nothing of it shows another's row, in an answer or in the words of an error; what can't be answered is a problem of the client's;
//! and the service is as well as before.

mod values;

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use trunkline_ingester::config::Config;

use crate::access::Guarded;
use crate::service::{PATIENCE, number};
use crate::tail::client::Client;
use values::{CONDITIONS, PLACES, REGEXES};

/// Endpoints that take a filter.
const FILTERED: [&str; 5] = ["logs", "histogram", "facets", "patterns", "tail"];
const AT_A_TIME: usize = 8;

fn generous(config: &mut Config) {
    config.http.limits.requests = 100_000;
    config.http.limits.concurrent = 1_000;
    config.http.limits.tails = 1_000;
    config.http.tail_clients = 1_000;
}

/// A client who tries.
struct Attacker {
    guarded: Guarded,
    token: String,
    http: reqwest::Client,
    trying: JoinSet<Option<String>>,
    wrong: Vec<String>,
}

/// What an attempt may come to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum May {
    /// 4xx.
    BeRefused,
    /// Or an answer, of which nothing is another's.
    BeAnswered,
}

impl Attacker {
    /// Of a service whose queries may take so long.
    async fn start(query_timeout: Duration) -> Self {
        let guarded = Guarded::start(|config| {
            generous(config);
            config.http.query_timeout = query_timeout;
        })
        .await;
        let token = guarded.tenants_token().await;
        // A connection that waits for its next request is closed after `header_timeout`, maybe in the moment when it is sent one.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let trying = JoinSet::new();
        Self { guarded, token, http, trying, wrong: Vec::new() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = self.guarded.service.url(&format!("/api/v1/{path}"));
        self.http.request(method, url).timeout(PATIENCE)
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path).bearer_auth(&self.token)
    }

    /// Tries it, some at a time.
    async fn attempt(&mut self, what: String, request: RequestBuilder, may: May) {
        while self.trying.len() >= AT_A_TIME {
            self.join().await;
        }
        self.trying.spawn(async move {
            let what = || what.chars().take(200).collect::<String>();
            match judged(request, may).await {
                Ok(()) => None,
                Err(reason) => Some(format!("{}: {reason}", what())),
            }
        });
    }

    async fn join(&mut self) {
        if let Some(tried) = self.trying.join_next().await {
            self.wrong.extend(tried.unwrap());
        }
    }

    /// Everything was tried: nothing of it did what it must not, and the service is well.
    async fn finished(mut self) {
        while !self.trying.is_empty() {
            self.join().await;
        }
        assert!(self.wrong.is_empty(), "{} in all\n{}", self.wrong.len(), self.wrong.join("\n"));
        assert_eq!(self.guarded.service.status("/health/ready").await, 200);
        let (status, page) = self.guarded.get("/api/v1/logs?from=-1h", &self.token).await;
        assert_eq!((status, page["rows"].as_array().unwrap().len()), (StatusCode::OK, 1));
        let rows = "SELECT count(*) FROM log.postgres WHERE log_time > now() - interval '1 hour'";
        assert_eq!(number(&self.guarded.client, rows).await, 2);
        self.guarded.stopped().await;
    }
}

/// Whether an attempt came to what it may come to.
async fn judged(request: RequestBuilder, may: May) -> Result<(), String> {
    let mut answer = request.send().await.map_err(|error| format!("{error:?}"))?;
    let status = answer.status();
    let kind = answer.headers().get("content-type").cloned();
    let is = |name: &str| kind.as_ref().is_some_and(|kind| kind == name);
    let is_problem = is("application/problem+json");
    if is("text/event-stream") {
        // It would go on.
        return if may == May::BeAnswered { Ok(()) } else { Err("it is watched".to_owned()) };
    }
    let mut text = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| format!("{status} {error:?}"))? {
        text.extend_from_slice(&piece);
        if text.len() > 32 << 20 {
            return Err(format!("{status}, and more than 32 MiB"));
        }
    }
    let text = String::from_utf8_lossy(&text);
    let is_as_it_may = match status {
        status if status.is_client_error() => {
            let problem = serde_json::from_str::<Value>(&text).unwrap_or_default();
            is_problem && problem["status"] == status.as_u16() && text.len() < 100_000
        }
        status if status.is_success() => may == May::BeAnswered,
        _ => false,
    };
    if text.contains("of theirs") {
        return Err(format!("{status} shows another's row: {text:.300}"));
    }
    if is_as_it_may { Ok(()) } else { Err(format!("{status} {kind:?} {text:.300}")) }
}

fn escaped(text: &str) -> String {
    reqwest::Url::parse_with_params("a:b", [("", text)]).unwrap().query().unwrap()[1..].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_any_parameter_is_more_than_a_value() {
    let mut attacker = Attacker::start(PATIENCE).await;
    let described = reqwest::get(attacker.guarded.service.url("/openapi.json")).await.unwrap();
    let described = described.json::<Value>().await.unwrap();
    let values: Vec<_> = values::everywhere().iter().map(|value| escaped(value)).collect();
    let mut endpoints = 0;
    for (path, item) in described["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/api/v1/") else { continue };
        endpoints += 1;
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let names = parameters.iter().map(|parameter| &parameter["name"]);
            // One that nobody knows as well.
            let names = names.filter_map(Value::as_str).chain(["unlisted", "__proto__"]);
            for name in names.collect::<Vec<_>>() {
                for value in &values {
                    let asked = match path.replace(&format!("{{{name}}}"), value) {
                        replaced if replaced != path => replaced,
                        _ => {
                            let path = path.replace("{id}", "00000000-0000-0000-0000-000000000000");
                            let needed = if path == "facets" && name != "field" {
                                "field=user&"
                            } else {
                                ""
                            };
                            format!("{path}?{needed}{}={value}", escaped(name))
                        }
                    };
                    let method: Method = method.to_uppercase().parse().unwrap();
                    let request = attacker.request(method.clone(), &asked);
                    let mut request = request.bearer_auth(&attacker.token);
                    if operation["requestBody"].is_object() {
                        request = request.json(&json!({ "sql": "SELECT 1", "limit": 1 }));
                    }
                    let listed = name != "unlisted" && name != "__proto__";
                    let may = if listed { May::BeAnswered } else { May::BeRefused };
                    attacker.attempt(format!("{method} {asked}"), request, may).await;
                }
            }
        }
    }
    assert_eq!(endpoints, 14);
    attacker.finished().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_refused_at_every_endpoint() {
    let mut attacker = Attacker::start(Duration::from_secs(3)).await;
    let mut tried = Vec::new();
    for endpoint in FILTERED {
        let begin = if endpoint == "facets" { "facets?field=user&" } else { endpoint };
        let begin = if begin.contains('?') { begin.to_owned() } else { format!("{begin}?") };
        for condition in CONDITIONS {
            tried.push(format!("{begin}where={}", escaped(condition)));
        }
        for regex in REGEXES {
            tried.push(format!("{begin}regex={}", escaped(regex)));
            tried.push(format!("{begin}where={}", escaped(&format!("message ~ '{regex}'"))));
        }
        // More of everything than anybody needs.
        let nested = format!("{}pod = 'a'{}", "NOT (".repeat(700), ")".repeat(700));
        tried.push(format!("{begin}where={}", escaped(&nested)));
        tried.push(format!("{begin}where={}", escaped(&vec!["pod = 'a'"; 1_000].join(" OR "))));
        for (name, count) in
            [("text", 8_000), ("cluster", 6_000), ("where", 2_000), ("regex", 8_000)]
        {
            let value = if name == "where" { "pod%20=%20%27a%27" } else { "a" };
            tried.push(format!("{begin}{}", vec![format!("{name}={value}"); count].join("&")));
        }
        tried.push(format!("{begin}from=now&to=-1h"));
        tried.push(format!("{begin}table=pg_authid"));
        tried.push(format!("{begin}severity=ERROR%27"));
        tried.push(format!("{begin}pid=1%20OR%201=1"));
    }
    for asked in [
        "logs?limit=10001",
        "logs?limit=4294967296",
        "logs?format=ndjson&limit=1e9",
        "logs?cursor=00",
        "logs?order=desc,message",
        "histogram?step=1ns",
        "histogram?step=0s",
        "histogram?buckets=10001",
        "histogram?from=-100y&to=now&step=1s",
        "facets?field=user&limit=100000",
        "facets?field=1",
        "facets?field=tableoid",
        "facets?field=message%27",
        "patterns?limit=100000",
        "failovers?limit=100000",
        "context?log_time=2026-11-22T00:00:00Z&stream=x&position=0",
        "context?log_time=x&stream=00000000-0000-0000-0000-000000000000&position=0",
        "context?log_time=2026-11-22T00:00:00Z&stream=00000000-0000-0000-0000-000000000000&position=0&before=1000000",
        "context?log_time=2026-11-22T00:00:00Z&stream=00000000-0000-0000-0000-000000000000&position=0&window=1000000y",
        "clusters?a=b",
        "fleet?cluster=theirs",
        "store?table=pg_authid",
        "me?tenant=other",
        "searches?tenant=other",
        "searches/..%2f..%2fme",
        "searches/%27%20OR%20true",
    ] {
        tried.push(asked.to_owned());
    }
    let columns = "message detail hint query context user database application backend_type sqlstate pid session query_id cluster pod role node container";
    let fields: Vec<_> = columns.split(' ').map(|name| format!("field={name}")).collect();
    tried.push(format!("facets?{}", fields.join("&")));
    for asked in tried {
        let request = attacker.get(&asked);
        attacker.attempt(asked, request, May::BeRefused).await;
    }
    for place in PLACES {
        let request = attacker.get("tail").header("last-event-id", *place);
        attacker.attempt(format!("Last-Event-ID {place}"), request, May::BeRefused).await;
    }
    for accept in ["", ",,,,", "x/y", "\u{e9}", &"text/csv,".repeat(5_000), "*/*;q=NaN"] {
        let request = attacker.get("logs").header("accept", accept.as_bytes());
        attacker.attempt(format!("Accept {accept}"), request, May::BeAnswered).await;
    }
    for method in ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
        let method: Method = method.parse().unwrap();
        let request = attacker.request(method.clone(), "logs").bearer_auth(&attacker.token);
        attacker.attempt(method.to_string(), request, May::BeRefused).await;
    }
    attacker.finished().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_and_wires_that_make_no_sense_are_refused() {
    let mut attacker = Attacker::start(PATIENCE).await;
    let id = "searches/00000000-0000-0000-0000-000000000000";
    for (method, path) in [(Method::POST, "sql"), (Method::POST, "searches"), (Method::PUT, id)] {
        for body in values::bodies() {
            let what = format!("{path} {}", String::from_utf8_lossy(&body[..body.len().min(100)]));
            let request = attacker.request(method.clone(), path).bearer_auth(&attacker.token);
            let request = request.header("content-type", "application/json").body(body);
            attacker.attempt(what, request, May::BeRefused).await;
        }
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""] {
            let request = attacker.request(method.clone(), path).bearer_auth(&attacker.token);
            let request = request.header("content-type", kind).body("{\"sql\": \"SELECT 1\"}");
            attacker.attempt(format!("{path} {kind}"), request, May::BeRefused).await;
        }
    }
    while !attacker.trying.is_empty() {
        attacker.join().await;
    }
    for wire in values::wires() {
        let mut socket = TcpStream::connect(attacker.guarded.service.http).await.unwrap();
        // It may answer before it has read everything.
        let _ = socket.write_all(&wire).await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer));
        let _ = read.await.expect("an end");
        let answer = String::from_utf8_lossy(&answer);
        let is_refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(is_refused, "{:.100}: {answer:.300}", String::from_utf8_lossy(&wire));
    }
    attacker.finished().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_takes_no_place_for_long() {
    let guarded = Guarded::start(|config| {
        config.http.max_connections = 4;
        config.http.header_timeout = Duration::from_secs(1);
    })
    .await;
    let mut silent = Vec::new();
    for at in 0..32 {
        let mut socket = TcpStream::connect(guarded.service.http).await.unwrap();
        if at % 2 == 0 {
            socket.write_all(b"GET /api/v1/logs HTTP/1.1\r\nA: ").await.unwrap();
        }
        silent.push(socket);
    }
    // Its turn comes behind all of them.
    assert_eq!(guarded.service.status("/health/live").await, 200);
    for mut socket in silent {
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
        let _ = ended.expect("an end");
    }
    guarded.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_somebody_else_by_what_is_shown() {
    let mut attacker = Attacker::start(PATIENCE).await;
    let endpoints = [
        "logs",
        "histogram",
        "facets?field=user",
        "tail",
        "context",
        "patterns",
        "clusters",
        "fleet",
        "failovers",
        "store",
        "searches",
    ];
    for authorization in values::authorizations() {
        for endpoint in endpoints {
            let what = format!("{endpoint} by {:.60}", String::from_utf8_lossy(&authorization));
            let request = attacker.request(Method::GET, endpoint);
            let request = request.header("authorization", &authorization[..]);
            attacker.attempt(what, request, May::BeRefused).await;
        }
    }
    while !attacker.trying.is_empty() {
        attacker.join().await;
    }
    // What is another's is as if it weren't there, also by its own name.
    let guarded = &attacker.guarded;
    let alls = guarded.token(None).await;
    let theirs = guarded.get("/api/v1/logs?cluster=theirs", &alls).await.1["rows"][0].take();
    let place = format!(
        "context?log_time={}&stream={}&position={}",
        theirs["log_time"].as_str().unwrap(),
        theirs["stream"].as_str().unwrap(),
        theirs["position"]
    );
    assert_eq!(guarded.get(&format!("/api/v1/{place}"), &alls).await.0, StatusCode::OK);
    let saved = attacker.request(Method::POST, "searches").bearer_auth(&alls);
    let saved = saved.json(&json!({ "name": "of theirs", "query": "text=of%20theirs" }));
    let saved: Value = saved.send().await.unwrap().json().await.unwrap();
    let saved = format!("searches/{}", saved["id"].as_str().unwrap());
    for (method, path) in [(Method::GET, &place), (Method::GET, &saved), (Method::DELETE, &saved)] {
        let request = attacker.request(method.clone(), path).bearer_auth(&attacker.token);
        attacker.attempt(format!("{method} {path}"), request, May::BeRefused).await;
    }
    let request = attacker.request(Method::PUT, &saved).bearer_auth(&attacker.token);
    let request = request.json(&json!({ "name": "mine", "query": "" }));
    attacker.attempt("another's search".to_owned(), request, May::BeRefused).await;
    let page = attacker.guarded.get("/api/v1/logs?limit=1&order=asc", &alls).await.1;
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    for asked in [
        "searches".to_owned(),
        format!("logs?order=asc&cursor={cursor}"),
        "logs?table=all&where=cluster%20%3D%20%27theirs%27".to_owned(),
        "logs?explain=1&cluster=theirs".to_owned(),
        "facets?field=cluster&field=message&explain=1".to_owned(),
        "facets?field=message".to_owned(),
        "patterns".to_owned(),
        "clusters".to_owned(),
        "fleet".to_owned(),
        "store".to_owned(),
        "failovers".to_owned(),
    ] {
        let request = attacker.get(&asked);
        attacker.attempt(asked, request, May::BeAnswered).await;
    }
    // Nor does another's place in the tail show more than one's own rows.
    let seen = Client::connect_as(&attacker.guarded.service, "table=all", &alls).await;
    let request = attacker.get("tail?table=all").header("last-event-id", &seen.token);
    let mut watching = request.send().await.unwrap();
    assert_eq!(watching.status(), StatusCode::OK);
    let mut sender = attacker.guarded.service.sender(3).await;
    let mut all = seen;
    let shown = all.nothing_more(&attacker.guarded.service, &mut sender).await;
    assert_eq!(shown.last().unwrap(), "last");
    // It is told how far it is, after the others' rows were there.
    let mut said = String::new();
    while said.matches(": here").count() < 3 {
        let piece = tokio::time::timeout(PATIENCE, watching.chunk()).await.unwrap().unwrap();
        said.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
    }
    assert!(!said.contains("event: rows"), "{said}");
    attacker.finished().await;
}
