//! What was committed since somebody looked last: whole transactions of the feed, a few at a time, and where their rows are.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt;
use tokio_postgres::Row;
use trunkline_query::{Filter, Order, Param, Place, Scope, Slice, Sql, Stored};
use trunkline_record::{StreamId, Table};
use uuid::Uuid;

use super::super::running::{QueryError, Running};
use super::news::push_unseen;
use super::snapshot::Snapshot;

/// Runs of rows that are looked at together, or those of one transaction if it has more.
const RUNS: usize = 2_000;
/// Rows after which a group ends with its transaction.
const ROWS: i64 = 5_000;
/// Rows whose times are no further apart are asked for together.
const NEAR: TimeDelta = TimeDelta::seconds(10);

/// Transactions that one snapshot sees and an earlier one doesn't, or the first of them.
#[derive(Debug)]
pub(super) struct Group {
    runs: Vec<Run>,
    /// What is seen when all of it was shown.
    pub then: Snapshot,
    /// Whether there are no others.
    pub is_last: bool,
}

#[derive(Debug)]
struct Run {
    xid: u64,
    stored: Stored,
    rows: i64,
    oldest: DateTime<Utc>,
    newest: DateTime<Utc>,
}

/// Rows that are near to each other in time.
#[derive(Debug)]
pub(super) struct Window {
    slice: Slice,
    stored: Vec<Stored>,
}

impl Group {
    /// The first transactions that `target` sees and `seen` doesn't.
    pub(super) async fn read(
        running: &Running,
        seen: &Snapshot,
        target: &Snapshot,
    ) -> Result<Self, QueryError> {
        let mut sql = Sql {
            text: "SELECT xid::text AS id, table_name, stream, begins, ends, rows, oldest, newest FROM log.feed WHERE "
                .to_owned(),
            params: Vec::new(),
        };
        push_unseen(&mut sql, seen);
        sql.params.push(Param::Text(target.to_string()));
        let target_at = sql.params.len();
        sql.text.push_str(&format!(
            " AND pg_visible_in_snapshot(xid, ${target_at}::pg_snapshot) ORDER BY xid FETCH FIRST {RUNS} ROWS WITH TIES"
        ));
        let rows: Vec<_> = running.rows(&sql).await?.try_collect().await?;
        let mut runs = Vec::with_capacity(rows.len());
        for row in &rows {
            runs.extend(run(row)?);
        }
        Ok(Self::first_of(runs, rows.len() < RUNS, seen, target))
    }

    fn first_of(mut runs: Vec<Run>, is_all: bool, seen: &Snapshot, target: &Snapshot) -> Self {
        let mut rows = 0;
        let end = runs.iter().enumerate().position(|(at, run)| {
            rows += run.rows;
            rows >= ROWS && runs.get(at + 1).is_some_and(|next| next.xid > run.xid)
        });
        let is_last = is_all && end.is_none();
        if let Some(end) = end {
            runs.truncate(end + 1);
        }
        let then = match runs.last() {
            Some(last) if !is_last => seen.with(&target.until(last.xid)),
            _ => seen.with(target),
        };
        Self { runs, then, is_last }
    }

    /// How many rows it has, whether they fit a filter or not.
    pub(super) fn rows(&self) -> i64 {
        self.runs.iter().map(|run| run.rows).sum()
    }

    /// Where its rows are, in the order of their times. No moment is in two of them.
    pub(super) fn windows(&self) -> Vec<Window> {
        let mut runs: Vec<_> = self.runs.iter().collect();
        runs.sort_unstable_by_key(|run| run.oldest);
        let mut windows = Vec::<(DateTime<Utc>, DateTime<Utc>, Vec<Stored>)>::new();
        for run in runs {
            match windows.last_mut() {
                Some((_, newest, stored)) if run.oldest - *newest <= NEAR => {
                    *newest = run.newest.max(*newest);
                    stored.push(run.stored);
                }
                _ => windows.push((run.oldest, run.newest, vec![run.stored])),
            }
        }
        let window = |(oldest, newest, stored)| {
            // What the database can hold is far from the last moment that chrono knows.
            let to = newest + TimeDelta::microseconds(1);
            Window { slice: Slice { from: Some(oldest), to: Some(to) }, stored }
        };
        windows.into_iter().map(window).collect()
    }
}

impl Window {
    /// One without rows, for a filter to be tried.
    pub(super) fn nowhere() -> Self {
        Self { slice: Slice { from: None, to: None }, stored: Vec::new() }
    }

    /// Whether it may have rows behind a place.
    pub(super) fn reaches_behind(&self, place: Option<Place>) -> bool {
        place.is_none_or(|place| self.slice.to.is_none_or(|to| to > place.log_time))
    }

    /// The filter's rows in it, in their order.
    pub(super) fn statement(&self, filter: &Filter, behind: Option<Place>, limit: u32) -> Sql {
        Sql::stored(filter, &self.scope(filter, behind), &self.stored, limit)
    }

    /// How many of the filter's rows it has.
    pub(super) fn count(&self, filter: &Filter) -> Sql {
        Sql::count_stored(filter, &self.scope(filter, None), &self.stored)
    }

    fn scope(&self, filter: &Filter, behind: Option<Place>) -> Scope {
        let mut scope = Scope::of(filter, behind, Order::Asc);
        scope.slice.from = scope.slice.from.max(self.slice.from);
        scope.slice.to = match (scope.slice.to, self.slice.to) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        scope
    }
}

/// `None` for a table that this version doesn't know.
fn run(row: &Row) -> Result<Option<Run>, QueryError> {
    let name: &str = row.try_get("table_name")?;
    let Some(table) = Table::ALL.into_iter().find(|table| table.name() == name) else {
        return Ok(None);
    };
    let xid = row.try_get::<_, &str>("id")?.parse();
    let xid = xid.map_err(|_| QueryError::Missing("log.feed has no transactions".to_owned()))?;
    let stream = StreamId(row.try_get::<_, Uuid>("stream")?.into_bytes());
    let (begins, ends) = (row.try_get("begins")?, row.try_get("ends")?);
    Ok(Some(Run {
        xid,
        stored: Stored { table, stream, begins, ends },
        rows: row.try_get("rows")?,
        oldest: row.try_get("oldest")?,
        newest: row.try_get("newest")?,
    }))
}
