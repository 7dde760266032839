//! Rows that are counted: by what the store has counted already, or, where that doesn't say all, by a [`Scan`](super::scan::Scan).

use futures_util::stream::{self, Stream};
use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;
use tokio_postgres::Row;
use trunkline_query::{Filter, Slice, Sql};

use super::running::{QueryError, Running};

/// An answer that grows.
pub(super) trait Counting: Send + 'static {
    /// What there is to show of it.
    type Answer: Serialize;

    /// Counts some more; `false` when there is nothing more to count.
    fn advance(&mut self) -> impl Future<Output = Result<bool, QueryError>> + Send;

    /// What was counted up to now.
    fn answer(&self) -> Self::Answer;

    /// How much of the range of time has been looked at, from 0 to 1.
    fn progress(&self) -> f64;

    /// Gives the connection back.
    fn finish(self);
}

/// Counts to the end.
pub(super) async fn whole<C: Counting>(mut counting: C) -> Result<C::Answer, QueryError> {
    while counting.advance().await? {}
    let answer = counting.answer();
    counting.finish();
    Ok(answer)
}

/// A line of a stream.
#[derive(Debug, Serialize)]
struct Line<A> {
    progress: f64,
    complete: bool,
    #[serde(flatten)]
    answer: A,
}

/// What was counted, again and again: lines of JSON, the last with `"complete": true`. Dropped before its end, it cancels what runs.
pub(super) fn lines<C: Counting>(
    counting: C,
    deadline: tokio::time::Instant,
) -> impl Stream<Item = Result<Vec<u8>, QueryError>> + Send + 'static {
    let line = |counting: &C, complete: bool| {
        let progress = if complete { 1.0 } else { counting.progress() };
        let line = Line { progress, complete, answer: counting.answer() };
        // Strings and numbers can always be written.
        let mut line = serde_json::to_vec(&line).unwrap_or_default();
        line.push(b'\n');
        line
    };
    let steps = stream::try_unfold(Some(counting), move |counting| async move {
        let Some(mut counting) = counting else { return Ok(None) };
        let advanced = tokio::time::timeout_at(deadline, counting.advance()).await;
        if advanced.unwrap_or(Err(QueryError::Timeout))? {
            return Ok(Some((line(&counting, false), Some(counting))));
        }
        let last = line(&counting, true);
        counting.finish();
        Ok(Some((last, None)))
    });
    steps.boxed()
}

/// The filter's range of time, as far as it has rows: with two ends, if there are any.
pub(super) async fn extent(running: &Running, filter: &Filter) -> Result<Slice, QueryError> {
    if filter.from.is_some() && filter.to.is_some() {
        return Ok(Slice { from: filter.from, to: filter.to });
    }
    let rows: Vec<_> = running.rows(&Sql::extent(filter)).await?.try_collect().await?;
    let (mut first, mut last) = (None, None);
    if let Some(row) = rows.first() {
        first = row.try_get("first")?;
        last = row.try_get::<_, Option<chrono::DateTime<chrono::Utc>>>("last")?;
    }
    let behind = last.map(|last| last + chrono::TimeDelta::microseconds(1));
    Ok(Slice { from: filter.from.or(first), to: filter.to.or(behind) })
}

/// What counts say, if there are any: a hub has none, and there may be none that the one who asks may see.
pub(super) async fn of_counts(
    running: &Running,
    sql: &Sql,
) -> Result<Option<Vec<Row>>, QueryError> {
    let asked = async { running.rows(sql).await?.try_collect().await.map_err(QueryError::from) };
    match asked.await {
        Ok(rows) => Ok(Some(rows)),
        Err(QueryError::Missing(_) | QueryError::Forbidden(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
