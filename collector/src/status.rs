//! `/status`, `/metrics`, `/health/live` and `/health/ready`.

mod report;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::report::{Asked, Report};
use crate::{
    config::{SpoolConfig, WhenFull},
    discover::patroni,
    metrics::Metrics,
    sources::Sources,
    streams::Streams,
};

/// What the pages show.
#[derive(Clone)]
pub struct Status {
    /// The collector's numbers.
    pub metrics: Metrics,
    /// The streams, for the lag.
    pub streams: Arc<Streams>,
    /// Who writes them.
    pub sources: Arc<Sources>,
    /// Patroni, where it is asked.
    pub patroni: Option<patroni::Shown>,
    /// Where the collector ships to, for messages.
    pub address: Arc<str>,
    /// The window's size in bytes.
    pub window: u64,
    /// What is configured of the spool.
    pub spool: SpoolConfig,
    /// When the collector started.
    pub started: Instant,
}

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, status: Status, stop: CancellationToken) {
    let pages = Router::new()
        .route("/status", get(report))
        .route("/metrics", get(metrics))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .with_state(status);
    let server =
        axum::serve(listener, pages).with_graceful_shutdown(async move { stop.cancelled().await });
    if let Err(error) = server.await {
        tracing::error!(%error, "status endpoint ended");
    }
}

async fn report(State(status): State<Status>, asked: Query<Asked>) -> Json<Report> {
    Json(status.report(&asked))
}

async fn metrics(State(status): State<Status>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], status.metrics.page(&status.streams))
}

async fn live() -> impl IntoResponse {
    Json(Readiness { status: "ok", reasons: Vec::new() })
}

async fn ready(State(status): State<Status>) -> impl IntoResponse {
    let reasons = status.reasons();
    if reasons.is_empty() {
        (StatusCode::OK, Json(Readiness { status: "ok", reasons }))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(Readiness { status: "not ready", reasons }))
    }
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

impl Status {
    /// Why the collector isn't ready; nothing when it is.
    fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.metrics.connection_up.get() == 0 {
            reasons.push(format!("not connected to {}", self.address));
        }
        let matched = self.metrics.matched();
        if matched.files == 0 {
            reasons.push(match matched.none.as_slice() {
                [] => "no file was looked for yet".to_owned(),
                globs => format!("no file matches {}", globs.join(", ")),
            });
        }
        if self.metrics.checkpoint_failing.load(Relaxed) {
            reasons.push("the checkpoint can't be written".to_owned());
        }
        let spool = &self.metrics.spool;
        if spool.failing.load(Relaxed) {
            reasons.push("the spool can't be written: files wait for acknowledgements".to_owned());
        }
        if spool.full.load(Relaxed) {
            reasons.push(match self.spool.when_full {
                WhenFull::Block => "the spool is full: nothing more is read".to_owned(),
                WhenFull::DropOldest => {
                    "the spool is full: its oldest records are dropped".to_owned()
                }
            });
        }
        reasons
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };
    use trunkline_record::Source;

    use super::*;
    use crate::metrics::Matched;

    async fn get(status: &Status, path: &str) -> String {
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let server = tokio::spawn(serve(listener, status.clone(), stop.clone()));
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        stop.cancel();
        server.await.unwrap();
        answer
    }

    #[tokio::test]
    async fn readiness_says_what_is_missing() {
        let status = Status {
            metrics: Metrics::default(),
            streams: Arc::new(Streams::new(Source::default(), [])),
            sources: Arc::new(Sources::new(Source::default(), Vec::new())),
            patroni: None,
            address: "ingester:24224".into(),
            window: 1,
            spool: SpoolConfig::default(),
            started: Instant::now(),
        };
        let none = vec!["/log/*.csv".into()];
        status.metrics.set_matched(Matched { none, ..Matched::default() });
        status.metrics.checkpoint_failing.store(true, Relaxed);
        status.metrics.spool.full.store(true, Relaxed);
        status.metrics.spool.failing.store(true, Relaxed);
        let answer = get(&status, "/health/ready").await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        for reason in [
            "not connected to ingester:24224",
            "no file matches /log/*.csv",
            "checkpoint",
            "the spool is full: nothing more is read",
            "the spool can't be written",
        ] {
            assert!(answer.contains(reason), "{reason} in {answer}");
        }
        assert!(get(&status, "/health/live").await.starts_with("HTTP/1.1 200"));

        status.metrics.connection_up.set(1);
        status.metrics.set_matched(Matched { files: 1, ..Matched::default() });
        status.metrics.checkpoint_failing.store(false, Relaxed);
        status.metrics.spool.full.store(false, Relaxed);
        status.metrics.spool.failing.store(false, Relaxed);
        assert!(get(&status, "/health/ready").await.starts_with("HTTP/1.1 200"));
        let answer = get(&status, "/metrics").await;
        assert!(answer.contains("trunkline_collector_connection_up 1"), "{answer}");
    }
}
