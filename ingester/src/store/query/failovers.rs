//! When which pod became the leader of its cluster: what `log.failover` has.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use serde::Serialize;
use tokio_postgres::Row;
use trunkline_query::{Failovers, Sql};

use super::running::{QueryError, Running};
use super::within;
use crate::store::Pool;

/// A pod that became the leader.
#[derive(Debug, Serialize)]
pub struct Failover {
    /// When.
    pub at: DateTime<Utc>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its cluster.
    pub cluster: Option<String>,
    /// Its name.
    pub pod: Option<String>,
    /// The leader before it, where that is known.
    pub was: Option<String>,
    /// Where this is known from: `patroni`'s log, or the `role` that the collector gave.
    pub source: String,
}

/// Those that are asked for, the newest first.
pub async fn failovers(
    pool: &Pool,
    timeout: Duration,
    failovers: &Failovers,
) -> Result<Vec<Failover>, QueryError> {
    within(timeout, async {
        let running = Running::begin(pool).await?;
        let rows = running.rows(&Sql::failovers(failovers)).await?;
        let rows: Vec<_> = rows.try_collect().await?;
        running.finish();
        Ok(rows.iter().map(failover).collect::<Result<_, _>>()?)
    })
    .await
}

pub(super) fn failover(row: &Row) -> Result<Failover, tokio_postgres::Error> {
    Ok(Failover {
        at: row.try_get("at")?,
        namespace: row.try_get("namespace")?,
        cluster: row.try_get("cluster")?,
        pod: row.try_get("pod")?,
        was: row.try_get("was")?,
        source: row.try_get("source")?,
    })
}
