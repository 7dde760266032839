//! Answers queries.
//!
//! Each runs on one connection, within a time, and is cancelled in the server when nobody waits for it any more.

mod boundaries;
pub mod clusters;
pub mod context;
mod counting;
pub mod facets;
pub mod failovers;
pub mod fleet;
pub mod histogram;
pub mod logs;
pub mod patterns;
mod row;
mod running;
mod sampled;
mod scan;
pub mod statement;
pub mod storage;
pub mod tail;
mod walk;

use std::time::Duration;

use serde_json::{Value, json};
use trunkline_query::Sql;

pub(crate) use row::write_csv_text;
pub use running::QueryError;
use running::Running;

/// `work`, within a time over all of its statements. Dropped at its end, it cancels what still runs.
async fn within<T>(
    timeout: Duration,
    work: impl Future<Output = Result<T, QueryError>>,
) -> Result<T, QueryError> {
    tokio::time::timeout(timeout, work).await.unwrap_or(Err(QueryError::Timeout))
}

/// A statement and what the server would do.
async fn explained(running: &Running, sql: &Sql) -> Result<Value, QueryError> {
    Ok(json!({ "sql": sql.text, "plan": running.explain(sql).await? }))
}
