//! Rows in order, asked for slice by slice of time from the end where they are wanted, until there are enough.
//!
//! The server can't tell how frequent a text is in a hypertable: it takes every pattern for rare, and with an index of trigrams it
//! gathers and sorts a million rows of a frequent word to give a hundred. So, where a text is searched, the first rows there are get
//! looked at first: a frequent word is in enough of them, and of a rare one the index knows.

use std::collections::VecDeque;
use std::pin::Pin;

use futures_util::TryStreamExt;
use tokio_postgres::{Row, RowStream};
use trunkline_query::{Filter, Order, Scope, Slice, Sql, slices};

use super::running::{QueryError, Running};
use super::{boundaries, row};

/// Rows that are looked at before an index is asked: a few milliseconds' work.
const FIRST: u32 = 2_500;

/// Rows on their way.
pub(super) struct Walk {
    running: Running,
    filter: Filter,
    scope: Scope,
    slices: VecDeque<Slice>,
    /// Rows that are still wanted; without a number, all.
    wanted: Option<u32>,
    /// Whether the first rows are still to be looked at.
    first: bool,
    rows: Option<Pin<Box<RowStream>>>,
}

impl Walk {
    pub(super) async fn begin(
        running: Running,
        filter: Filter,
        scope: Scope,
        wanted: Option<u32>,
    ) -> Result<Self, QueryError> {
        let boundaries = boundaries::of(&running, filter.tables, scope.order).await?;
        let slices = slices(scope.slice, scope.order, boundaries).into();
        let first = wanted.is_some_and(|wanted| wanted < FIRST) && filter.searches_text();
        Ok(Self { running, filter, scope, slices, wanted, first, rows: None })
    }

    /// The next row, if there is one that is wanted.
    pub(super) async fn next(&mut self) -> Result<Option<Row>, QueryError> {
        loop {
            if self.wanted == Some(0) {
                return Ok(None);
            }
            if let Some(rows) = &mut self.rows {
                if let Some(row) = rows.try_next().await? {
                    self.wanted = self.wanted.map(|wanted| wanted - 1);
                    if self.first {
                        self.scope.behind = Some(row::place(&row)?);
                    }
                    return Ok(Some(row));
                }
                self.rows = None;
                self.first = false;
            }
            let Some(sql) = self.next_statement() else { return Ok(None) };
            self.rows = Some(Box::pin(self.running.rows(&sql).await?));
        }
    }

    /// The next statement to ask; of those that only explain, all that there could be.
    fn next_statement(&mut self) -> Option<Sql> {
        if let (true, Some(wanted), Some(slice)) = (self.first, self.wanted, self.slices.front()) {
            // The first hypertable chunk is one that was made ahead of time and has no rows, so the next ones count too.
            let next = self.slices.get(1).unwrap_or(slice);
            let slice = match self.scope.order {
                Order::Desc => Slice { from: next.from, ..*slice },
                Order::Asc => Slice { to: next.to, ..*slice },
            };
            let scope = Scope { slice, ..self.scope };
            return Some(Sql::rows_of_first(&self.filter, &scope, FIRST, wanted));
        }
        let scope = Scope { slice: self.slices.pop_front()?, ..self.scope };
        Some(Sql::rows(&self.filter, &scope, self.wanted))
    }

    /// What the server would do, statement by statement, if there never were enough rows.
    pub(super) async fn explain(mut self) -> Result<Vec<serde_json::Value>, QueryError> {
        let mut explained = Vec::new();
        while let Some(sql) = self.next_statement() {
            self.first = false;
            explained.push(super::explained(&self.running, &sql).await?);
        }
        self.running.finish();
        Ok(explained)
    }

    /// Gives the connection back, if all of the answer was read.
    pub(super) async fn finish(mut self) -> Result<(), QueryError> {
        if let Some(rows) = &mut self.rows
            && rows.try_next().await?.is_some()
        {
            return Ok(());
        }
        self.running.finish();
        Ok(())
    }
}
