//! A look at all rows of a range of time, stride by stride from the newest.
//!
//! Where a text is searched, its index may be asked for a hypertable chunk, or each row be looked at, which is sooner where most
//! rows have it. The server takes any text for rare, so a few rows are looked at to tell.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use tokio_postgres::Row;
use trunkline_query::{Filter, Order, Slice, Sql, Strides};

use super::running::{Planning, QueryError, Running};
use super::{boundaries, sampled};
use crate::store::Pool;

/// Rows that are looked at to tell how frequent a text is: a millisecond's work.
const SAMPLE: u32 = 1_000;
/// A text in more than one of so many rows is compared first as it is mostly spelled; of others the index is asked for less.
const RARE: i64 = 30;
/// A text in more than one of three rows isn't asked of an index …
const MOST: (i64, i64) = (1, 3);
/// … and one whose spelling is known in more than three of five.
const MOST_SPELLED: (i64, i64) = (3, 5);

/// A look at all rows of a range of time.
#[derive(Debug)]
pub(super) struct Scan {
    strides: Strides,
    took: Option<Duration>,
    filter: Filter,
    /// The same rows, each to be looked at.
    pub(super) by_row: Filter,
    way: Way,
    /// Hypertable chunks of which an index can be asked.
    sealed: Vec<Slice>,
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
            sealed: Vec::new(),
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
        let nearer = statement(self.filter_of(slice), slice);
        let Some(beside) = &self.beside else { return all(running, &nearer).await };
        // Of the same length.
        let further = self.strides.next(None).map(|slice| statement(self.filter_of(slice), slice));
        let further = async {
            match &further {
                Some(sql) => all(beside, sql).await,
                None => Ok(Vec::new()),
            }
        };
        let (nearer, further) = futures_util::try_join!(all(running, &nearer), further)?;
        Ok(nearer.into_iter().chain(further).collect())
    }

    /// As the rows of a stride are found the soonest. Where no hypertable chunk has an index, of whichever table, what suits an index takes longer than a
    /// look at each row; where one has, going through it as well would take longer still.
    fn filter_of(&self, stride: Slice) -> &Filter {
        let is_sealed = self.sealed.iter().any(|chunk| chunk.overlaps(stride));
        if self.way == Way::ByIndex && is_sealed { &self.filter } else { &self.by_row }
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
        let texts = sampled::texts(running, &self.filter, slice).await?;
        let spelled = self.filter.spelled(&texts).filter(|_| found > looked / RARE);
        let (most, of) = if spelled.is_some() { MOST_SPELLED } else { MOST };
        if found * of > looked * most {
            self.way = Way::ByRow;
            return Ok(());
        }
        self.way = Way::ByIndex;
        self.sealed = boundaries::sealed(running, self.filter.tables).await?;
        self.filter = spelled.unwrap_or_else(|| self.filter.clone().thinned(&texts));
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
