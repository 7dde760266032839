//! `GET /api/v1/fleet`: how each cluster is.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::access::Asked;
use super::problem::Problem;
use super::request::Given;
use crate::store::query::fleet;

pub(super) async fn fleet(api: Asked, given: Given) -> Result<Response, Problem> {
    given.parameters()?.finish()?;
    let clusters = fleet::fleet(&api.pool, api.query_timeout, chrono::Utc::now()).await?;
    Ok(Json(json!({ "clusters": clusters })).into_response())
}
