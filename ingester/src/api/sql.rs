//! `POST /api/v1/sql`: one statement that the caller wrote, run as the caller's role; see [`crate::store::query::statement`].
//!
//! `{"sql": "…", "limit": 1000}` is answered by `{"columns": [{"name", "type"}], "rows": [[…]], "truncated", "elapsed_ms"}`; each value is
//! the text that `psql` shows, or null. In NDJSON an object a row, in CSV a record, by `format` or `Accept`; an answer that breaks off
//! without its last chunk is not whole.

use std::collections::HashSet;
use std::time::Instant;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::access::{Asked, Tally};
use super::problem::Problem;
use super::request::{Format, Given, JsonBody};
use crate::store::query::statement::{Bounds, Column, Statement, StatementError};
use crate::store::query::write_csv_text;

/// Rows, unless the request says how many.
const ROWS: u32 = 1_000;

/// Bytes of JSON after which there are no more rows in an answer that is made as a whole.
const MAX_ANSWER: usize = 16 << 20;

/// Bytes that are handed on at once.
const PIECE: usize = 64 << 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asking {
    sql: String,
    limit: Option<u32>,
    format: Option<String>,
}

pub(super) async fn sql(
    api: Asked,
    headers: HeaderMap,
    given: Given,
    JsonBody(asking): JsonBody<Asking>,
) -> Result<Response, Problem> {
    let begun = Instant::now();
    let mut parameters = given.parameters()?;
    let format = match &asking.format {
        Some(name) => Format::named(name).map_err(|reason| {
            Problem::bad_request(format!("format: {name:?} {reason}")).about("format")
        })?,
        None => Format::read(&mut parameters, &headers)?,
    };
    parameters.finish()?;
    api.tally.statement(&asking.sql);
    let limit = asking.limit.unwrap_or(ROWS);
    if limit == 0 || limit > api.sql_rows {
        let reason = format!("limit: must be from 1 to {}", api.sql_rows);
        return Err(Problem::bad_request(reason).about("limit"));
    }
    if asking.sql.contains('\0') {
        return Err(Problem::bad_request("sql: a statement can't hold NUL").about("sql"));
    }
    let bounds = Bounds { timeout: api.query_timeout, bytes: api.sql_bytes };
    let statement = api.statement(&asking.sql, bounds).await?;
    let tally = api.tally;
    match format {
        Format::Json => whole(statement, limit, begun, &tally).await,
        Format::Ndjson => Ok(streamed(statement, limit, false, tally)),
        Format::Csv => Ok(streamed(statement, limit, true, tally)),
    }
}

async fn whole(
    mut statement: Statement,
    limit: u32,
    begun: Instant,
    tally: &Tally,
) -> Result<Response, Problem> {
    let (mut rows, mut count, mut truncated) = (Vec::new(), 0, false);
    while let Some(row) = statement.next().await? {
        if count == limit || rows.len() >= MAX_ANSWER {
            truncated = true;
            break;
        }
        if count > 0 {
            rows.push(b',');
        }
        // Texts can always be written.
        let _ = serde_json::to_writer(&mut rows, &row);
        count += 1;
    }
    tally.add(count as usize);
    let columns = json!(statement.columns());
    let mut body = format!("{{\"columns\":{columns},\"rows\":[").into_bytes();
    body.extend_from_slice(&rows);
    let elapsed = begun.elapsed().as_millis();
    let end = format!("],\"truncated\":{truncated},\"elapsed_ms\":{elapsed}}}");
    body.extend_from_slice(end.as_bytes());
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// The rows while they come, at most `limit`.
fn streamed(statement: Statement, limit: u32, csv: bool, tally: Tally) -> Response {
    tally.add(0);
    let mut first = Vec::new();
    if csv {
        write_record(statement.columns().iter().map(|column| Some(&*column.name)), &mut first);
    }
    let names = unique(statement.columns());
    let state = Some((statement, limit, first));
    let pieces = stream::try_unfold(state, move |state| {
        let (names, tally) = (names.clone(), tally.clone());
        async move {
            let Some((mut statement, mut left, mut piece)) = state else { return Ok(None) };
            while piece.len() < PIECE {
                let next = if left == 0 { None } else { statement.next().await? };
                let Some(row) = next else { return Ok(Some((piece, None))) };
                left -= 1;
                tally.add(1);
                if csv {
                    write_record(row.iter().map(Option::as_deref), &mut piece);
                } else {
                    let pairs = names.iter().cloned().zip(row.into_iter().map(Value::from));
                    let _ = serde_json::to_writer(&mut piece, &pairs.collect::<Map<_, _>>());
                    piece.push(b'\n');
                }
            }
            Ok::<_, StatementError>(Some((piece, Some((statement, left, Vec::new())))))
        }
    });
    let kind = match csv {
        true => "text/csv; charset=utf-8; header=present",
        false => "application/x-ndjson",
    };
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(pieces)).into_response()
}

/// An object has each name once; a second column of a name is `name_2`.
fn unique(columns: &[Column]) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut names = Vec::new();
    for column in columns {
        let mut name = column.name.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{}_{number}", column.name);
            number += 1;
        }
        names.push(name);
    }
    names
}

fn write_record<'a>(fields: impl Iterator<Item = Option<&'a str>>, out: &mut Vec<u8>) {
    for (at, field) in fields.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        if let Some(text) = field {
            write_csv_text(text, out);
        }
    }
    out.extend_from_slice(b"\r\n");
}

impl From<StatementError> for Problem {
    fn from(error: StatementError) -> Self {
        match error {
            StatementError::Login(error) => error.into(),
            StatementError::Refused(refusal) => {
                // What the role may not, what a transaction that reads may not, what takes more than there is; the rest is a mistake.
                let status = match refusal.state.as_str() {
                    "42501" | "25006" => StatusCode::FORBIDDEN,
                    state if state.starts_with("53") => StatusCode::UNPROCESSABLE_ENTITY,
                    _ => StatusCode::BAD_REQUEST,
                };
                Self::new(status, refusal.message.clone()).of_statement(&refusal)
            }
            StatementError::NoRows | StatementError::Parameters | StatementError::NotText => {
                Self::bad_request(error.to_string()).about("sql")
            }
            StatementError::Timeout | StatementError::TooLarge(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).about("sql")
            }
            StatementError::Database(_) => {
                tracing::warn!(%error, "a statement could not be answered");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the database can't be reached at the moment, or ended the session",
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_a_name_for_each_column() {
        let columns = ["a", "a", "a_2", "b", "a"]
            .map(|name| Column { name: name.to_owned(), kind: "text".to_owned() });
        assert_eq!(unique(&columns), ["a", "a_2", "a_2_2", "b", "a_3"]);
    }
}
