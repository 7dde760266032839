//! Rows in order, asked for slice by slice of time from the end where they are wanted, until there are enough.
//!
//! The server can't tell how frequent a text is in a hypertable: it takes every pattern for rare, and with an index of trigrams it
//! gathers and sorts a million rows of a frequent word to give a hundred. So, where a text is searched, the first rows there are get
//! looked at first: a frequent word is in enough of them, and of a rare one the index knows.
//!
//! What a rare word takes is reading the indexes of many hypertable chunks. Two connections read them in half the time, so a large slice
//! is asked for in halves, if there is another connection that nobody needs at the moment.

use std::collections::VecDeque;
use std::pin::Pin;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use tokio_postgres::{Row, RowStream};
use trunkline_query::{Filter, Scope, Slices, Sql};

use super::running::{QueryError, Running};
use super::{boundaries, row, sampled};
use crate::store::Pool;

/// Rows that are looked at before an index is asked: two milliseconds' work. What is in none of them is in a few thousand of a million.
const FIRST: u32 = 1_000;
/// Rows that are looked at once more, where those that were found let expect enough in so many: less work than the index would be.
const SECOND: u32 = 10_000;
/// Hypertable chunks that the first rows may be in: the newest was made ahead of time and has none.
const FIRST_CHUNKS: usize = 3;
/// Hypertable chunks that may have no index of texts yet: the newest, and the one that is written. They are asked one by one, each only up to where there
/// are enough rows; of the others all is gathered that has the text.
const UNSEALED: usize = 2;
/// Hypertable chunks of a slice that is worth being asked for in halves.
const HALVES: usize = 4;
/// Bytes that are read for nothing rather than to end a connection.
const IN_VAIN: usize = 1 << 20;

/// Rows on their way.
pub(super) struct Walk {
    pool: Pool,
    running: Running,
    /// Reads the further half of a slice.
    beside: Option<Running>,
    filter: Filter,
    /// The same rows, where each is to be looked at.
    by_row: Filter,
    scope: Scope,
    slices: Slices,
    /// Rows that are still wanted; without a number, all.
    wanted: Option<u32>,
    /// How many were found, and when the first of them was written.
    found: Option<(u32, DateTime<Utc>)>,
    /// Whether it is for a few rows that have a text.
    searches: bool,
    /// Whether it is known what of the text an index is to be asked for.
    is_thinned: bool,
    /// How many rows are to be looked at before an index is asked.
    look: Option<u32>,
    /// Answers, in the order of their rows.
    answers: VecDeque<Pin<Box<RowStream>>>,
}

impl Walk {
    pub(super) async fn begin(
        pool: &Pool,
        running: Running,
        filter: Filter,
        scope: Scope,
        wanted: Option<u32>,
    ) -> Result<Self, QueryError> {
        let boundaries = boundaries::of(&running, filter.tables, scope.order).await?;
        let slices = Slices::new(scope.slice, scope.order, boundaries);
        let searches = wanted.is_some_and(|wanted| wanted < FIRST) && filter.searches_text();
        Ok(Self {
            pool: pool.clone(),
            running,
            beside: None,
            by_row: filter.clone().by_row(),
            filter,
            scope,
            slices,
            wanted,
            found: None,
            searches,
            is_thinned: false,
            look: searches.then_some(FIRST),
            answers: VecDeque::new(),
        })
    }

    /// The next row, if there is one that is wanted.
    pub(super) async fn next(&mut self) -> Result<Option<Row>, QueryError> {
        loop {
            if self.wanted == Some(0) {
                return Ok(None);
            }
            if let Some(rows) = self.answers.front_mut() {
                if let Some(row) = rows.try_next().await? {
                    self.wanted = self.wanted.map(|wanted| wanted - 1);
                    let place = row::place(&row)?;
                    let (found, first) = self.found.unwrap_or((0, place.log_time));
                    self.found = Some((found.saturating_add(1), first));
                    if self.look.is_some() {
                        self.scope.behind = Some(place);
                    }
                    return Ok(Some(row));
                }
                self.answers.pop_front();
                if let (true, Some(looked)) = (self.answers.is_empty(), self.look.take()) {
                    self.look =
                        self.wanted.and_then(|wanted| another_look(looked, self.found?.0, wanted));
                }
            } else if !self.ask().await? {
                return Ok(None);
            }
        }
    }

    /// Asks for more rows; `false` when all slices were asked for.
    async fn ask(&mut self) -> Result<bool, QueryError> {
        if let Some(sql) = self.first_rows() {
            self.answers.push_back(Box::pin(self.running.rows(&sql).await?));
            return Ok(true);
        }
        self.thin().await?;
        let chunks = self.worth();
        let is_large = self.searches && chunks >= HALVES;
        if is_large && self.beside.is_none() {
            self.beside = Running::begin_further(&self.pool).await;
        }
        let (nearer, further) = match self.beside {
            Some(_) if is_large => (chunks.div_ceil(2), chunks / 2),
            _ => (chunks, 0),
        };
        let Some(nearer) = self.slice(nearer) else { return Ok(false) };
        let further = if further > 0 { self.slice(further) } else { None };
        if let (Some(beside), Some(further)) = (&self.beside, further) {
            let asked = (self.running.rows(&nearer), beside.rows(&further));
            let (nearer, further) = futures_util::try_join!(asked.0, asked.1)?;
            self.answers.extend([Box::pin(nearer), Box::pin(further)]);
        } else {
            self.answers.push_back(Box::pin(self.running.rows(&nearer).await?));
        }
        Ok(true)
    }

    /// How many hypertable chunks to ask next.
    fn worth(&self) -> usize {
        if self.searches && !self.is_gathered() {
            return 1;
        }
        self.slices.worth(self.found, self.wanted)
    }

    /// The statement that looks at the first rows, if it is to be asked.
    fn first_rows(&self) -> Option<Sql> {
        let (look, wanted) = (self.look?, self.wanted?);
        let scope = Scope { slice: self.slices.peek(FIRST_CHUNKS)?, ..self.scope };
        Some(Sql::rows_of_first(&self.by_row, &scope, look, wanted))
    }

    /// Whether all rows of the next slice are gathered that have the text.
    fn is_gathered(&self) -> bool {
        self.searches && self.slices.asked() >= UNSEALED
    }

    /// Before an index is asked, sees what of the text to ask for.
    async fn thin(&mut self) -> Result<(), QueryError> {
        if self.searches
            && !std::mem::replace(&mut self.is_thinned, true)
            && let Some(slice) = self.slices.peek(FIRST_CHUNKS)
        {
            self.filter = sampled::thinned(&self.running, self.filter.clone(), slice).await?;
        }
        Ok(())
    }

    /// The statement for so many hypertable chunks.
    fn slice(&mut self, chunks: usize) -> Option<Sql> {
        let is_gathered = self.is_gathered();
        let scope = Scope { slice: self.slices.take(chunks)?, ..self.scope };
        Some(match self.wanted {
            Some(wanted) if is_gathered => Sql::rows_gathered(&self.filter, &scope, wanted),
            wanted => Sql::rows(&self.filter, &scope, wanted),
        })
    }

    /// What the server would do, statement by statement, if no row were found.
    pub(super) async fn explain(mut self) -> Result<Vec<serde_json::Value>, QueryError> {
        let mut explained = Vec::new();
        if let Some(sql) = self.first_rows() {
            explained.push(super::explained(&self.running, &sql).await?);
        }
        loop {
            self.thin().await?;
            let Some(sql) = self.slice(self.worth()) else { break };
            explained.push(super::explained(&self.running, &sql).await?);
        }
        self.running.finish();
        Ok(explained)
    }

    /// Gives the connections back, if all of the answers was read, or what is left is little.
    pub(super) async fn finish(mut self) -> Result<(), QueryError> {
        let mut bytes = 0;
        for rows in &mut self.answers {
            while let Some(row) = rows.try_next().await? {
                bytes += row.raw_size_bytes();
                // Where enough was found, what the further half of a slice has besides is thrown away.
                if self.wanted != Some(0) || bytes > IN_VAIN {
                    return Ok(());
                }
            }
        }
        self.running.finish();
        if let Some(beside) = self.beside {
            beside.finish();
        }
        Ok(())
    }
}

/// How many rows to look at once more, if that is likely to give what is missing.
fn another_look(looked: u32, found: u32, missing: u32) -> Option<u32> {
    let needed = u64::from(missing) * u64::from(looked) / u64::from(found.max(1));
    // Half as many again, since it is an estimate.
    let look = u32::try_from(needed + needed / 2).ok()?;
    (looked == FIRST && look <= SECOND).then_some(look.max(FIRST + 1))
}

#[cfg(test)]
mod tests {
    use super::another_look;

    #[test]
    fn rows_are_looked_at_again_where_that_is_likely_to_do() {
        assert_eq!(another_look(1_000, 60, 41), Some(1_024));
        assert_eq!(another_look(1_000, 20, 81), Some(6_075));
        // The index finds these sooner.
        assert_eq!(another_look(1_000, 10, 91), None);
        // Twice is enough.
        assert_eq!(another_look(6_075, 100, 1), None);
    }
}
