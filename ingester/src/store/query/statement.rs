//! One statement that a caller wrote, whatever it is.
//!
//! It runs as the caller's role in a session that is made for it, belongs to a user who can be nobody else, and ends with it: what it sets,
//! locks, listens to or leaves behind is gone, and nobody else's. The transaction can't write. The server itself says whether it is one
//! statement, since only one can be prepared, and whether it has rows to answer; what has none isn't run. Rows come as the text that
//! `psql` would show, so there is no type that can't be answered.

use std::pin::Pin;
use std::time::Duration;

use futures_util::TryStreamExt;
use tokio::time::Instant;
use tokio_postgres::error::ErrorPosition;
use tokio_postgres::types::{Kind, Type};
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow, SimpleQueryStream};

use crate::store::metered::Metered;
use crate::store::pool::{describe, quoted};
use crate::store::{LoginError, Logins, PoolError, READER};

/// What a statement may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// From the connection to the last row.
    pub timeout: Duration,
    /// Bytes from the server, all rows together.
    pub bytes: u64,
}

/// A column of the answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Column {
    /// Its name; several may have the same.
    pub name: String,
    /// Its type, by PostgreSQL's own name for it.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What the server said of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// SQLSTATE
    pub state: String,
    /// Its message, with the detail.
    pub message: String,
    /// Its hint.
    pub hint: Option<String>,
    /// Where in the statement, in characters from 1.
    pub position: Option<u32>,
}

/// Why there are no rows, or no more.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The caller's role has no session.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The server refused the statement.
    #[error("{}", .0.message)]
    Refused(Box<Refusal>),
    /// It isn't one that answers rows.
    #[error(
        "only a statement that answers rows can be run: SELECT, VALUES, TABLE, WITH, EXPLAIN, SHOW"
    )]
    NoRows,
    /// It has parameters, as `$1`.
    #[error("the statement has parameters, and there is nothing to put there")]
    Parameters,
    /// It made the server answer in another encoding.
    #[error("the statement answers bytes that are no UTF-8")]
    NotText,
    /// It took too long.
    #[error("the statement ran longer than it may")]
    Timeout,
    /// It answers more than may be read.
    #[error("the statement answers more than {0} bytes")]
    TooLarge(u64),
    /// The server went away.
    #[error("{}", describe(.0))]
    Database(tokio_postgres::Error),
}

/// A statement that runs. Dropped, it is cancelled.
pub struct Statement {
    columns: Vec<Column>,
    rows: Pin<Box<SimpleQueryStream>>,
    session: Metered,
    deadline: Instant,
    bytes: u64,
}

impl Statement {
    /// Begins to run `sql` as the tenant, or as one who sees all clusters.
    pub async fn begin(
        logins: &Logins,
        tenant: Option<&str>,
        sql: &str,
        bounds: Bounds,
    ) -> Result<Self, StatementError> {
        let deadline = Instant::now() + bounds.timeout;
        let beginning = async {
            let role = tenant.unwrap_or(READER);
            let session = logins.session(role, bounds.bytes).await?;
            let failed = |error| failure(error, &session, bounds.bytes);
            let settings = settings(role, bounds.timeout);
            session.client.batch_execute(&settings).await.map_err(|error| {
                // Nothing of it is the caller's.
                StatementError::Login(PoolError::from(error).into())
            })?;
            let prepared = session.client.prepare(sql).await.map_err(failed)?;
            if !prepared.params().is_empty() {
                return Err(StatementError::Parameters);
            }
            if prepared.columns().is_empty() {
                return Err(StatementError::NoRows);
            }
            let columns = prepared.columns().iter().map(|column| Column {
                name: column.name().to_owned(),
                kind: name_of(column.type_()),
            });
            let columns = columns.collect();
            // The server has just taken the same text for one statement.
            let rows = session.client.simple_query_raw(sql).await.map_err(failed)?;
            Ok(Self { columns, rows: Box::pin(rows), session, deadline, bytes: bounds.bytes })
        };
        tokio::time::timeout_at(deadline, beginning).await.unwrap_or(Err(StatementError::Timeout))
    }

    /// The columns of each row.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The next row; none after the last.
    pub async fn next(&mut self) -> Result<Option<Vec<Option<String>>>, StatementError> {
        loop {
            let next = tokio::time::timeout_at(self.deadline, self.rows.try_next());
            let next = next.await.map_err(|_| StatementError::Timeout)?;
            match next.map_err(|error| failure(error, &self.session, self.bytes))? {
                Some(SimpleQueryMessage::Row(row)) => {
                    return values(&row).map(Some).ok_or(StatementError::NotText);
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }
}

/// The first statement takes a snapshot: from then on a transaction that reads only can't be made one that writes.
fn settings(role: &str, timeout: Duration) -> String {
    format!(
        "SET client_connection_check_interval = '1s'; SET statement_timeout = {}; SET TimeZone = 'UTC'; SET ROLE {}; \
         START TRANSACTION READ ONLY; SELECT 1",
        timeout.as_millis(),
        quoted(role)
    )
}

/// A statement may have changed the encoding of what it answers, so that a value is no text.
fn values(row: &SimpleQueryRow) -> Option<Vec<Option<String>>> {
    (0..row.len()).map(|at| Some(row.try_get(at).ok()?.map(str::to_owned))).collect()
}

fn name_of(kind: &Type) -> String {
    match kind.kind() {
        Kind::Array(of) => format!("{}[]", of.name()),
        _ => kind.name().to_owned(),
    }
}

fn failure(error: tokio_postgres::Error, session: &Metered, bytes: u64) -> StatementError {
    if session.is_exhausted() {
        return StatementError::TooLarge(bytes);
    }
    let Some(report) = error.as_db_error() else { return StatementError::Database(error) };
    let state = report.code().code();
    match state {
        "57014" => return StatementError::Timeout,
        // The server's own trouble, which another try may not meet.
        "53300" => return StatementError::Database(error),
        _ if state.starts_with("57P") || state.starts_with("08") => {
            return StatementError::Database(error);
        }
        _ => {}
    }
    let detail = report.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    StatementError::Refused(Box::new(Refusal {
        state: state.to_owned(),
        message: format!("{}{detail}", report.message()),
        hint: report.hint().map(str::to_owned),
        position: match report.position() {
            Some(ErrorPosition::Original(position)) => Some(*position),
            _ => None,
        },
    }))
}
