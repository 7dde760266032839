//! `GET /api/v1/histogram`: the rows that a filter leaves, counted by time and severity.
//!
//! As NDJSON the answer comes again and again while rows are counted, from the newest on: with `progress`, from 0 to 1, and `complete`, which
//! is true in the last line. An answer that breaks off before it is not whole. What the store has counted already is one line.

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use trunkline_query::{Filter, Histogram};

use super::access::Asked;
use super::problem::Problem;
use super::request::{Format, Given};
use crate::store::query::histogram::{self, CountError};

pub(super) async fn histogram(
    api: Asked,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Problem> {
    let mut parameters = given.parameters()?;
    let filter = Filter::read(&mut parameters, chrono::Utc::now())?;
    let histogram = Histogram::read(&mut parameters)?;
    let explain = parameters.switch("explain")?;
    parameters.finish()?;
    let regex = filter.regex_parameter();
    let fail = |error| match error {
        CountError::Filter(error) => Problem::from(error),
        CountError::Query(error) => Problem::of_query(error, regex),
    };
    let (pool, timeout) = (&api.pool, api.query_timeout);
    if explain {
        let statements = histogram::explain(pool, timeout, &filter, &histogram).await;
        let statements = statements.map_err(fail)?;
        return Ok(Json(json!({ "statements": statements })).into_response());
    }
    if Format::accepted(&headers) == Some(Format::Ndjson) {
        let lines = histogram::stream(pool, timeout, filter, &histogram).await.map_err(fail)?;
        let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
        return Ok((kind, Body::from_stream(lines)).into_response());
    }
    let counted = histogram::histogram(pool, timeout, filter, &histogram).await.map_err(fail)?;
    Ok(Json(counted).into_response())
}
