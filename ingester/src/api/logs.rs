//! `GET /api/v1/logs`: rows of one table, newest first, page by page.
//!
//! Parameters: `table` (`postgres` unless given, `patroni` or `component`), `from`, `to` (RFC 3339, or relative: `-15m`), `cluster` and `severity` (repeatable), `text` (a substring, whatever its
//! case), `limit` (rows at most; 100 unless given), `cursor` (`next_cursor` of the page before). The answer is
//! `{"rows": [{…}], "next_cursor": "…"}`; a column that is NULL is left out, and `next_cursor` is null on the last page. A page may
//! have fewer rows than `limit` though there are more.

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use trunkline_query::Filter;

use super::Api;
use super::problem::Problem;
use crate::store::logs::{self, Page, QueryError};

pub(super) async fn logs(
    State(api): State<Api>,
    parameters: Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Query(parameters) = match parameters {
        Ok(parameters) => parameters,
        Err(error) => {
            return Problem::new(StatusCode::BAD_REQUEST, error.body_text()).into_response();
        }
    };
    let pairs = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let filter = match Filter::parse(pairs, chrono::Utc::now()) {
        Ok(filter) => filter,
        Err(error) => {
            let detail = error.to_string();
            return Problem::parameter(error.parameter, detail).into_response();
        }
    };
    match logs::page(&api.pool, &filter).await {
        Ok(page) => ([(header::CONTENT_TYPE, "application/json")], body(&page)).into_response(),
        Err(error) => problem(&error).into_response(),
    }
}

fn body(page: &Page) -> Vec<u8> {
    let mut body = Vec::with_capacity(page.rows.len() + 128);
    body.extend_from_slice(b"{\"rows\":[");
    body.extend_from_slice(&page.rows);
    body.extend_from_slice(b"],\"next_cursor\":");
    match page.next {
        // Hexadecimal digits, so there is nothing to escape.
        Some(cursor) => body.extend_from_slice(format!("\"{cursor}\"").as_bytes()),
        None => body.extend_from_slice(b"null"),
    }
    body.push(b'}');
    body
}

fn problem(error: &QueryError) -> Problem {
    match error {
        QueryError::Timeout => Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "the query took too long; a narrower range of time, or fewer texts, would help",
        ),
        QueryError::Pool(_) => {
            tracing::warn!(%error, "a query could not be answered");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the database can't be reached at the moment",
            )
        }
        QueryError::Database(_) => {
            tracing::error!(%error, "a query failed");
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the database could not answer the query",
            )
        }
    }
}
