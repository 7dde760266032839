//! `GET /api/v1/failovers`: when which pod became the leader of its cluster, the newest first.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use trunkline_query::Failovers;

use super::access::Asked;
use super::problem::Problem;
use super::request::Given;
use crate::store::query::failovers;

pub(super) async fn failovers(api: Asked, given: Given) -> Result<Response, Problem> {
    let mut parameters = given.parameters()?;
    let asked = Failovers::read(&mut parameters, chrono::Utc::now())?;
    parameters.finish()?;
    let failovers = failovers::failovers(&api.pool, api.query_timeout, &asked).await?;
    Ok(Json(json!({ "failovers": failovers })).into_response())
}
