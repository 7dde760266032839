//! `GET /api/v1/store`: what the store holds, and what becomes of it.

use axum::Json;
use axum::response::{IntoResponse, Response};

use super::access::Asked;
use super::problem::Problem;
use super::request::Given;
use crate::store::query::storage;

pub(super) async fn store(api: Asked, given: Given) -> Result<Response, Problem> {
    given.parameters()?.finish()?;
    Ok(Json(storage::storage(&api.pool, api.query_timeout).await?).into_response())
}
