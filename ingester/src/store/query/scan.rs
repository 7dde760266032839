//! A look at all rows of a range of time, stride by stride from the newest.
//!
//! Where a text is searched, its index may be asked for a hypertable chunk, or each row be looked at, which is sooner where every
//! second row has it. The server takes any text for rare, so a few rows are looked at to tell.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use tokio_postgres::Row;
use trunkline_query::{Filter, Order, Slice, Sql, Strides};

use super::running::{Planning, QueryError, Running};
use super::{boundaries, sampled};
use crate::store::Pool;

/// Rows that are looked at to tell how frequent a text is: a millisecond's work.
const SAMPLE: u32 = 1_000;
/// A text in more than one of so many rows isn't asked of an index.
const FREQUENT: i64 = 3;

/// A look at all rows of a range of time.
#[derive(Debug)]
pub(super) struct Scan {
    strides: Strides,
    took: Option<Duration>,
    filter: Filter,
    /// The same rows, each to be looked at.
    pub(super) by_row: Filter,
    way: Way,
    /// Looks at every other stride, but for the first, which is to be short.
    beside: Option<Running>,
}

/// How rows are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// As the server likes, since no text is searched, or it has no index.
    AsItLikes,
    /// It isn't known how frequent the text is.
    Unknown,
    /// By the index of texts, where there is one.
    ByIndex,
    /// By a look at each.
    ByRow,
}

impl Scan {
    /// `None` where the range has no two ends, and so no rows.
    pub(super) async fn begin(
        pool: &Pool,
        running: &mut Running,
        filter: &Filter,
        whole: Slice,
    ) -> Result<Option<Self>, QueryError> {
        let Some((from, to)) = whole.from.zip(whole.to) else { return Ok(None) };
        let mut beside = Running::begin_further(pool).await;
        let of_text = filter.searches_text();
        if of_text {
            running.plan(Planning::WithoutIndex).await?;
            if let Some(beside) = &mut beside {
                beside.plan(Planning::WithoutIndex).await?;
            }
        }
        let boundaries = boundaries::of(running, filter.tables, Order::Desc).await?;
        // A hub's shards are sent `ILIKE`, and nothing that names a collation: then each row would travel.
        let is_hub = boundaries.is_empty();
        let by_row = if is_hub { filter.clone() } else { filter.clone().by_row() };
        Ok(Some(Self {
            strides: Strides::new(from, to, boundaries, of_text),
            took: None,
            filter: filter.clone(),
            by_row,
            way: if of_text && !is_hub { Way::Unknown } else { Way::AsItLikes },
            beside,
        }))
    }

    /// What the next stride gives, or the next two; `None` when all has been looked at.
    pub(super) async fn next(
        &mut self,
        running: &mut Running,
        statement: impl Fn(&Filter, Slice) -> Sql,
    ) -> Result<Option<Vec<Row>>, QueryError> {
        let Some(slice) = self.strides.next(self.took) else { return Ok(None) };
        let begun = Instant::now();
        let rows = match self.took {
            None => self.first(running, slice, statement).await?,
            Some(_) => self.further(running, slice, statement).await?,
        };
        self.took = Some(begun.elapsed());
        Ok(Some(rows))
    }

    /// What the first stride gives, and how to go on. An index would gather all of a hypertable chunk for it.
    async fn first(
        &mut self,
        running: &mut Running,
        slice: Slice,
        statement: impl Fn(&Filter, Slice) -> Sql,
    ) -> Result<Vec<Row>, QueryError> {
        let sql = statement(&self.by_row, slice);
        if self.way != Way::Unknown {
            return all(running, &sql).await;
        }
        let sample = Sql::sample(&self.by_row, slice, SAMPLE);
        let beside = self.beside.as_ref().unwrap_or(&*running);
        let (rows, sample) = futures_util::try_join!(all(running, &sql), all(beside, &sample))?;
        self.choose(running, slice, &sample).await?;
        Ok(rows)
    }

    async fn further(
        &mut self,
        running: &mut Running,
        slice: Slice,
        statement: impl Fn(&Filter, Slice) -> Sql,
    ) -> Result<Vec<Row>, QueryError> {
        if self.way == Way::Unknown {
            let sample = all(running, &Sql::sample(&self.by_row, slice, SAMPLE)).await?;
            self.choose(running, slice, &sample).await?;
        }
        let filter = if self.way == Way::ByIndex { &self.filter } else { &self.by_row };
        let nearer = statement(filter, slice);
        let Some(beside) = &self.beside else { return all(running, &nearer).await };
        // Of the same length.
        let further = self.strides.next(None).map(|slice| statement(filter, slice));
        let further = async {
            match &further {
                Some(sql) => all(beside, sql).await,
                None => Ok(Vec::new()),
            }
        };
        let (nearer, further) = futures_util::try_join!(all(running, &nearer), further)?;
        Ok(nearer.into_iter().chain(further).collect())
    }

    /// Decides by a sample, if it has rows.
    async fn choose(
        &mut self,
        running: &mut Running,
        slice: Slice,
        sample: &[Row],
    ) -> Result<(), QueryError> {
        let (mut looked, mut found) = (0, 0);
        for row in sample {
            looked += row.try_get::<_, i64>("looked")?;
            found += row.try_get::<_, i64>("found")?;
        }
        if looked == 0 {
            return Ok(());
        }
        if found > looked / FREQUENT {
            self.way = Way::ByRow;
            return Ok(());
        }
        self.way = Way::ByIndex;
        self.filter = sampled::thinned(running, self.filter.clone(), slice).await?;
        running.plan(Planning::WithoutSorting).await?;
        if let Some(beside) = &mut self.beside {
            beside.plan(Planning::WithoutSorting).await?;
        }
        Ok(())
    }

    /// Gives its connection back.
    pub(super) fn finish(self) {
        if let Some(beside) = self.beside {
            beside.finish();
        }
    }

    pub(super) fn progress(&self) -> f64 {
        self.strides.progress()
    }
}

async fn all(running: &Running, sql: &Sql) -> Result<Vec<Row>, QueryError> {
    Ok(running.rows(sql).await?.try_collect().await?)
}
