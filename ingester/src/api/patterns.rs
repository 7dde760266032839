//! `GET /api/v1/patterns`: messages grouped by what they have in common, the most frequent first.

use axum::Json;
use axum::response::{IntoResponse, Response};
use trunkline_query::{Filter, Patterns};

use super::access::Asked;
use super::problem::Problem;
use super::request::Given;
use crate::store::query::patterns;

pub(super) async fn patterns(api: Asked, given: Given) -> Result<Response, Problem> {
    let mut parameters = given.parameters()?;
    let filter = Filter::read(&mut parameters, chrono::Utc::now())?;
    let asked = Patterns::read(&mut parameters)?;
    parameters.finish()?;
    let found = patterns::patterns(&api.pool, api.query_timeout, &filter, &asked).await;
    let found = found.map_err(|error| Problem::of_query(error, filter.regex_parameter()))?;
    Ok(Json(found).into_response())
}
