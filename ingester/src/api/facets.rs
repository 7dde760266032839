//! `GET /api/v1/facets`: the most frequent values of columns, of the rows that a filter leaves; as NDJSON as [`super::histogram`] gives it.

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use trunkline_query::{Facets, Filter};

use super::access::Asked;
use super::problem::Problem;
use super::request::{Format, Given};
use crate::store::query::facets;

pub(super) async fn facets(
    api: Asked,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Problem> {
    let mut parameters = given.parameters()?;
    let filter = Filter::read(&mut parameters, chrono::Utc::now())?;
    let facets = Facets::read(filter.tables, &mut parameters)?;
    let explain = parameters.switch("explain")?;
    parameters.finish()?;
    let regex = filter.regex_parameter();
    let (pool, timeout) = (&api.pool, api.query_timeout);
    let fail = |error| Problem::of_query(error, regex);
    if explain {
        let statements = facets::explain(pool, timeout, &filter, &facets).await.map_err(fail)?;
        return Ok(Json(json!({ "statements": statements })).into_response());
    }
    if Format::accepted(&headers) == Some(Format::Ndjson) {
        let lines = facets::stream(pool, timeout, filter, facets).await.map_err(fail)?;
        let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
        return Ok((kind, Body::from_stream(lines)).into_response());
    }
    let answer = facets::facets(pool, timeout, filter, facets).await.map_err(fail)?;
    Ok(Json(answer).into_response())
}
