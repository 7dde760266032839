//! `GET /api/v1/histogram`: the rows that a filter leaves, counted by time and severity.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use trunkline_query::{Filter, Histogram};

use super::access::Asked;
use super::problem::Problem;
use super::request::Given;
use crate::store::query::histogram::{self, CountError};

pub(super) async fn histogram(api: Asked, given: Given) -> Result<Response, Problem> {
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
    let counted = histogram::histogram(pool, timeout, &filter, &histogram).await.map_err(fail)?;
    Ok(Json(counted).into_response())
}
