//! Rows counted by time and severity.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::Stream;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use trunkline_query::{Filter, FilterError, Histogram, Slice, Sql};

use super::counting::{self, Counting};
use super::running::{QueryError, Running};
use super::scan::Scan;
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
#[derive(Debug, Clone, Serialize)]
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

/// Counts the filter's rows.
pub async fn histogram(
    pool: &Pool,
    timeout: Duration,
    filter: Filter,
    histogram: &Histogram,
) -> Result<Counted, CountError> {
    let counting = async {
        match begin(pool, filter, histogram).await {
            Ok(counting) => Ok(Ok(counting::whole(counting).await?)),
            Err(CountError::Query(error)) => Err(error),
            Err(error) => Ok(Err(error)),
        }
    };
    within(timeout, counting).await?
}

/// The same as lines of JSON, each with what was counted up to then.
pub async fn stream(
    pool: &Pool,
    timeout: Duration,
    filter: Filter,
    histogram: &Histogram,
) -> Result<impl Stream<Item = Result<Vec<u8>, QueryError>> + Send + 'static, CountError> {
    let deadline = tokio::time::Instant::now() + timeout;
    let begun = tokio::time::timeout_at(deadline, begin(pool, filter, histogram)).await;
    let counting = begun.unwrap_or(Err(QueryError::Timeout.into()))?;
    Ok(counting::lines(counting, deadline))
}

/// What the server would do.
pub async fn explain(
    pool: &Pool,
    timeout: Duration,
    filter: &Filter,
    histogram: &Histogram,
) -> Result<Vec<Value>, CountError> {
    let explaining = async {
        let mut running = Running::begin(pool).await?;
        let slice = counting::extent(&running, filter).await?;
        let mut statements = Vec::new();
        let step = step(histogram, slice);
        if let Ok(Some(step)) = step {
            let sql = match Sql::histogram_of_counts(filter, slice, step, Utc::now()) {
                Some(of_counts) => of_counts,
                None => {
                    // Planned as the scan's first statement is.
                    match Scan::begin(pool, &mut running, filter, slice).await? {
                        Some(scan) => {
                            let sql = Sql::histogram(&scan.by_row, slice, step);
                            scan.finish();
                            sql
                        }
                        None => Sql::histogram(filter, slice, step),
                    }
                }
            };
            statements.push(explained(&running, &sql).await?);
        }
        running.finish();
        Ok(step.map(|_| statements))
    };
    Ok(within(timeout, explaining).await??)
}

/// Nothing where there is nothing to count.
fn step(histogram: &Histogram, slice: Slice) -> Result<Option<TimeDelta>, FilterError> {
    let ends = slice.from.zip(slice.to);
    ends.map(|(from, to)| histogram.step(from, to.max(from))).transpose()
}

/// Asks the counts; what they can't answer is left to be looked at.
async fn begin(pool: &Pool, filter: Filter, histogram: &Histogram) -> Result<Steps, CountError> {
    let running = Running::begin(pool).await?;
    let mut slice = counting::extent(&running, &filter).await?;
    let step = match step(histogram, slice) {
        Ok(step) => step,
        Err(error) => {
            running.finish();
            return Err(error.into());
        }
    };
    let mut steps = Steps { running, filter, slice, step, buckets: BTreeMap::new(), scan: None };
    let Some(step) = step else { return Ok(steps) };
    slice.to = slice.to.max(slice.from);
    steps.slice = slice;
    if let Some(sql) = Sql::histogram_of_counts(&steps.filter, slice, step, Utc::now())
        && let Some(rows) = counting::of_counts(&steps.running, &sql).await?
    {
        let mut is_all = true;
        for row in &rows {
            is_all &= !row.try_get::<_, bool>("is_rest").map_err(QueryError::from)?;
        }
        if is_all {
            steps.add(&rows)?;
            return Ok(steps);
        }
    }
    steps.scan = Scan::begin(pool, &mut steps.running, &steps.filter, slice).await?;
    Ok(steps)
}

struct Steps {
    running: Running,
    filter: Filter,
    slice: Slice,
    step: Option<TimeDelta>,
    buckets: BTreeMap<DateTime<Utc>, Bucket>,
    scan: Option<Scan>,
}

impl Steps {
    fn add(&mut self, rows: &[Row]) -> Result<(), QueryError> {
        for row in rows {
            let (time, count) = (row.try_get("time")?, row.try_get::<_, i64>("count")?);
            if count == 0 {
                continue;
            }
            let severity: Option<String> = row.try_get("severity")?;
            let empty = || Bucket { time, total: 0, severities: BTreeMap::new() };
            let bucket = self.buckets.entry(time).or_insert_with(empty);
            bucket.total += count;
            let severity = severity.unwrap_or_else(|| NONE.to_owned());
            *bucket.severities.entry(severity).or_default() += count;
        }
        Ok(())
    }
}

/// A row without a severity.
const NONE: &str = "NONE";

impl Counting for Steps {
    type Answer = Counted;

    async fn advance(&mut self) -> Result<bool, QueryError> {
        let (Some(scan), Some(step)) = (&mut self.scan, self.step) else { return Ok(false) };
        let statement = |filter: &Filter, slice| Sql::histogram(filter, slice, step);
        let Some(rows) = scan.next(&mut self.running, statement).await? else { return Ok(false) };
        self.add(&rows)?;
        Ok(true)
    }

    fn answer(&self) -> Counted {
        Counted {
            from: self.slice.from,
            to: self.slice.to,
            step: self.step.map_or(0, |step| step.num_seconds()),
            total: self.buckets.values().map(|bucket| bucket.total).sum(),
            buckets: self.buckets.values().cloned().collect(),
        }
    }

    fn progress(&self) -> f64 {
        self.scan.as_ref().map_or(1.0, Scan::progress)
    }

    fn finish(self) {
        self.running.finish();
        if let Some(scan) = self.scan {
            scan.finish();
        }
    }
}
