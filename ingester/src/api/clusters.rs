//! `GET /api/v1/clusters`: which clusters there are, and their pods.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::access::Asked;
use super::problem::Problem;
use super::request::Given;
use crate::store::query::clusters;

pub(super) async fn clusters(api: Asked, given: Given) -> Result<Response, Problem> {
    given.parameters()?.finish()?;
    let clusters = clusters::clusters(&api.pool, api.query_timeout).await?;
    Ok(Json(json!({ "clusters": clusters })).into_response())
}
