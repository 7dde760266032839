//! `GET /api/v1/facets`: the most frequent values of columns, of the rows that a filter leaves.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use trunkline_query::{Facets, Filter};

use super::access::Asked;
use super::problem::Problem;
use super::request::Given;
use crate::store::query::facets;

pub(super) async fn facets(api: Asked, given: Given) -> Result<Response, Problem> {
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
    let facets = facets::facets(pool, timeout, &filter, &facets).await.map_err(fail)?;
    Ok(Json(json!({ "facets": facets })).into_response())
}
