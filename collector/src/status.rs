//! `/metrics`, `/health/live` and `/health/ready`.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{metrics::Metrics, streams::Streams};

/// What the pages show.
#[derive(Clone)]
pub struct Status {
    /// The collector's numbers.
    pub metrics: Metrics,
    /// The streams, for the lag.
    pub streams: Arc<Streams>,
    /// Where the collector ships to, for messages.
    pub address: Arc<str>,
}

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, status: Status, stop: CancellationToken) {
    let pages = Router::new()
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
        reasons
    }
}
