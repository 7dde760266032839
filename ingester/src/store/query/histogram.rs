//! Rows counted by time and severity.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt;
use serde::Serialize;
use serde_json::Value;
use trunkline_query::{Filter, FilterError, Histogram, Slice, Sql};

use super::running::{QueryError, Running};
use super::{explained, within};
use crate::store::Pool;

/// What was counted.
#[derive(Debug, Serialize)]
pub struct Counted {
    /// The range of time: the filter's, or that of the rows; `None` where there are no rows at all.
    pub from: Option<DateTime<Utc>>,
    /// Its end, which isn't in it.
    pub to: Option<DateTime<Utc>>,
    /// The length of a step, in seconds.
    pub step: i64,
    /// Rows of all steps.
    pub total: i64,
    /// The steps that have rows, in order.
    pub buckets: Vec<Bucket>,
}

/// One step.
#[derive(Debug, Serialize)]
pub struct Bucket {
    /// When it begins.
    pub time: DateTime<Utc>,
    /// Its rows.
    pub total: i64,
    /// Its rows by severity; `NONE` are those that have none.
    pub severities: BTreeMap<String, i64>,
}

/// Why there is no count.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    /// The request makes no sense for the rows that there are.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The database.
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl From<tokio_postgres::Error> for CountError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Query(error.into())
    }
}

/// Counts the filter's rows.
pub async fn histogram(
    pool: &Pool,
    timeout: Duration,
    filter: &Filter,
    histogram: &Histogram,
) -> Result<Counted, CountError> {
    let counting = async {
        let running = Running::begin(pool).await?;
        let counted = count(&running, filter, histogram).await;
        if counted.is_ok() {
            running.finish();
        }
        Ok(counted)
    };
    within(timeout, counting).await?
}

/// What the server would do.
pub async fn explain(
    pool: &Pool,
    timeout: Duration,
    filter: &Filter,
    histogram: &Histogram,
) -> Result<Vec<Value>, CountError> {
    let explaining = async {
        let running = Running::begin(pool).await?;
        let statement = statement(&running, filter, histogram).await;
        let explained = match &statement {
            Ok(Some((_, _, sql))) => vec![explained(&running, sql).await?],
            _ => Vec::new(),
        };
        running.finish();
        Ok(statement.map(|_| explained))
    };
    within(timeout, explaining).await?
}

async fn count(
    running: &Running,
    filter: &Filter,
    histogram: &Histogram,
) -> Result<Counted, CountError> {
    let Some((slice, step, sql)) = statement(running, filter, histogram).await? else {
        let (from, to) = (filter.from, filter.to);
        return Ok(Counted { from, to, step: 0, total: 0, buckets: Vec::new() });
    };
    let mut buckets = BTreeMap::<DateTime<Utc>, Bucket>::new();
    let rows: Vec<_> = running.rows(&sql).await?.try_collect().await?;
    for row in rows {
        let (time, count) = (row.try_get("time")?, row.try_get::<_, i64>("count")?);
        let severity: Option<String> = row.try_get("severity")?;
        let bucket = buckets.entry(time).or_insert_with(|| Bucket {
            time,
            total: 0,
            severities: BTreeMap::new(),
        });
        bucket.total += count;
        *bucket.severities.entry(severity.unwrap_or_else(|| NONE.to_owned())).or_default() += count;
    }
    Ok(Counted {
        from: slice.from,
        to: slice.to,
        step: step.num_seconds(),
        total: buckets.values().map(|bucket| bucket.total).sum(),
        buckets: buckets.into_values().collect(),
    })
}

/// A row without a severity.
const NONE: &str = "NONE";

/// The statement that counts, for a range of time that has two ends; `None` where there is nothing to count.
async fn statement(
    running: &Running,
    filter: &Filter,
    histogram: &Histogram,
) -> Result<Option<(Slice, TimeDelta, Sql)>, CountError> {
    let extent: Vec<_> = match (filter.from, filter.to) {
        (Some(_), Some(_)) => Vec::new(),
        _ => running.rows(&Sql::extent(filter)).await?.try_collect().await?,
    };
    let (mut first, mut last) = (None, None);
    if let Some(row) = extent.first() {
        first = row.try_get::<_, Option<DateTime<Utc>>>("first")?;
        last = row.try_get::<_, Option<DateTime<Utc>>>("last")?;
    }
    let behind = last.map(|last| last + TimeDelta::microseconds(1));
    let (Some(from), Some(to)) = (filter.from.or(first), filter.to.or(behind)) else {
        return Ok(None);
    };
    let to = to.max(from);
    let step = histogram.step(from, to)?;
    let slice = Slice { from: Some(from), to: Some(to) };
    Ok(Some((slice, step, Sql::histogram(filter, slice, step))))
}
