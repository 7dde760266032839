//! `GET /health/live`: the process answers. `GET /health/ready`: it can store what it receives, in one of several databases at least; what it
//! can't do, and why.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Api;
use super::problem::Problem;

pub(super) async fn live() -> Response {
    json(r#"{"status":"live"}"#)
}

/// Beside the status, what can't be done though the service is ready: one of several databases may be away.
#[derive(Serialize)]
struct Ready {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    degraded: Vec<String>,
}

pub(super) async fn ready(State(api): State<Api>) -> Response {
    let reasons = api.health.reasons();
    let reasons: Vec<_> =
        reasons.iter().map(|(part, reason)| format!("{part}: {reason}")).collect();
    if api.health.is_ready() {
        return Json(Ready { status: "ready", degraded: reasons }).into_response();
    }
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, reasons.join("; ")).into_response()
}

fn json(body: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
