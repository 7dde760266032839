//! `GET /api/v1/logs`: rows of one table, or of all merged, newest first unless `order=asc`.
//!
//! In JSON a page: `{"rows": [{…}], "next_cursor": "…", "previous_cursor": "…"}`; a column that is NULL is left out, and a cursor is null
//! where there is no further page. A page may have fewer rows than `limit` though there are more. In NDJSON and CSV a stream, of any
//! length; an answer that breaks off without its last chunk is not whole.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt as _;
use serde_json::json;
use trunkline_query::{Filter, Page};

use super::access::Asked;
use super::problem::Problem;
use super::request::{Format, Given};
use crate::store::query::logs::{self, Lines, Rows};

pub(super) async fn logs(
    api: Asked,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Problem> {
    let mut parameters = given.parameters()?;
    let filter = Filter::read(&mut parameters, chrono::Utc::now())?;
    let format = Format::read(&mut parameters, &headers)?;
    let page = Page::read(&mut parameters, format != Format::Json)?;
    let explain = parameters.switch("explain")?;
    parameters.finish()?;
    let regex = filter.regex_parameter();
    let fail = |error| Problem::of_query(error, regex);
    let timeout = api.query_timeout;
    if explain {
        let statements = logs::explain(&api.pool, timeout, filter, &page).await.map_err(fail)?;
        return Ok(axum::Json(json!({ "statements": statements })).into_response());
    }
    let (lines, content_type) = match format {
        Format::Json => {
            let rows = logs::page(&api.pool, timeout, filter, &page).await.map_err(fail)?;
            api.tally.add(rows.rows.len());
            return Ok(([(header::CONTENT_TYPE, "application/json")], body(&rows)).into_response());
        }
        Format::Ndjson => (Lines::Ndjson, "application/x-ndjson"),
        Format::Csv => (Lines::Csv, "text/csv; charset=utf-8; header=present"),
    };
    let stream = logs::stream(&api.pool, api.export_timeout, filter, &page, lines);
    let tally = api.tally;
    tally.add(0);
    let pieces = stream.await.map_err(fail)?.map_ok(move |piece| {
        tally.add(piece.rows);
        piece.bytes
    });
    let body = Body::from_stream(pieces);
    Ok(([(header::CONTENT_TYPE, content_type)], body).into_response())
}

fn body(page: &Rows) -> Vec<u8> {
    let mut body = b"{\"rows\":[".to_vec();
    body.extend_from_slice(&page.rows.join(&b","[..]));
    body.push(b']');
    for (name, cursor) in [("next_cursor", page.next), ("previous_cursor", page.previous)] {
        // Hexadecimal digits, so there is nothing to escape.
        let cursor = cursor.map_or("null".to_owned(), |cursor| format!("\"{cursor}\""));
        body.extend_from_slice(format!(",\"{name}\":{cursor}").as_bytes());
    }
    body.push(b'}');
    body
}
