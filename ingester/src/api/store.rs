//! `GET /api/v1/store`: what the store holds, and what becomes of it.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::problem::Problem;
use super::request::Given;
use crate::store::query::storage;

pub(super) async fn store(State(api): State<Api>, given: Given) -> Result<Response, Problem> {
    given.parameters()?.finish()?;
    Ok(Json(storage::storage(&api.pool, api.query_timeout).await?).into_response())
}
