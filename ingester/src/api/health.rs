//! `GET /health/live`: the process answers. `GET /health/ready`: it can store what it receives; if not, why.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Api;
use super::problem::Problem;

pub(super) async fn live() -> Response {
    json(r#"{"status":"live"}"#)
}

pub(super) async fn ready(State(api): State<Api>) -> Response {
    let unready = api.health.unready();
    if unready.is_empty() {
        return json(r#"{"status":"ready"}"#);
    }
    let reasons: Vec<_> =
        unready.iter().map(|(part, reason)| format!("{part}: {reason}")).collect();
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, reasons.join("; ")).into_response()
}

fn json(body: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
