//! `GET /api/v1/context`: what stands before and behind a row, in its log file or in its session.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use trunkline_query::Context;

use super::access::Asked;
use super::problem::Problem;
use super::request::Given;
use crate::store::query::context;

pub(super) async fn context(api: Asked, given: Given) -> Result<Response, Problem> {
    let mut parameters = given.parameters()?;
    let context = Context::read(&mut parameters, chrono::Utc::now())?;
    parameters.finish()?;
    let found = context::context(&api.pool, api.query_timeout, &context).await?;
    let found = found.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "there is no row with this log_time, stream and position",
        )
    })?;
    api.tally.add(found.before.len() + 1 + found.after.len());
    let all = |rows: &[Vec<u8>]| String::from_utf8_lossy(&rows.join(&b","[..])).into_owned();
    let body = format!(
        "{{\"before\":[{}],\"row\":{},\"after\":[{}]}}",
        all(&found.before),
        all(&[found.row]),
        all(&found.after)
    );
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}
