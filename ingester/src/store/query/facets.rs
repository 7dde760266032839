//! The most frequent values of columns.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use chrono::Utc;
use futures_util::TryStreamExt;
use futures_util::stream::Stream;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use trunkline_query::{Facets, Filter, Sql};

use super::counting::{self, Counting};
use super::running::{QueryError, Running};
use super::scan::Scan;
use super::{explained, within};
use crate::store::Pool;

/// The answer.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// In the order in which they were asked for.
    pub facets: Vec<Facet>,
}

/// A column's most frequent values.
#[derive(Debug, Clone, Serialize)]
pub struct Facet {
    /// The column.
    pub field: &'static str,
    /// How many different values there are, NULL among them.
    pub distinct: i64,
    /// The most frequent ones, the first ahead.
    pub values: Vec<Counted>,
}

/// A value and how often it is there.
#[derive(Debug, Clone, Serialize)]
pub struct Counted {
    /// The value as text; `None` is NULL.
    pub value: Option<String>,
    /// Rows that have it.
    pub count: i64,
}

/// Different values, and their bytes, that are held here. Where there are more, the server counts all rows in one statement.
const MAX_VALUES: usize = 100_000;
const MAX_BYTES: usize = 16 << 20;

/// Counts the values in the filter's rows.
pub async fn facets(
    pool: &Pool,
    timeout: Duration,
    filter: Filter,
    facets: Facets,
) -> Result<Answer, QueryError> {
    let counting = async { counting::whole(begin(pool, filter, facets).await?).await };
    within(timeout, counting).await
}

/// The same as lines of JSON, each with what was counted up to then.
pub async fn stream(
    pool: &Pool,
    timeout: Duration,
    filter: Filter,
    facets: Facets,
) -> Result<impl Stream<Item = Result<Vec<u8>, QueryError>> + Send + 'static, QueryError> {
    let deadline = tokio::time::Instant::now() + timeout;
    let begun = tokio::time::timeout_at(deadline, begin(pool, filter, facets)).await;
    Ok(counting::lines(begun.unwrap_or(Err(QueryError::Timeout))?, deadline))
}

/// What the server would do.
pub async fn explain(
    pool: &Pool,
    timeout: Duration,
    filter: &Filter,
    facets: &Facets,
) -> Result<Vec<Value>, QueryError> {
    within(timeout, async {
        let running = Running::begin(pool).await?;
        let counted = facets.counted(filter);
        let mut statements = Vec::new();
        if !counted.is_empty() {
            let sql = Sql::facets_of_counts(filter, facets, &counted, Utc::now());
            statements.push(explained(&running, &sql).await?);
        }
        let others = others(facets, &counted);
        if !others.is_empty() {
            statements
                .push(explained(&running, &Sql::facets(filter, &facets.only(&others))).await?);
        }
        running.finish();
        Ok(statements)
    })
    .await
}

fn others(facets: &Facets, counted: &[usize]) -> Vec<usize> {
    (0..facets.columns().len()).filter(|at| !counted.contains(at)).collect()
}

/// Asks the counts; what they can't answer is left to be looked at.
async fn begin(pool: &Pool, filter: Filter, facets: Facets) -> Result<Values, QueryError> {
    let mut running = Running::begin(pool).await?;
    let names = facets.columns().iter().map(|column| column.name);
    let mut answered: Vec<_> =
        names.map(|field| Facet { field, distinct: 0, values: Vec::new() }).collect();
    let mut counted = facets.counted(&filter);
    if !counted.is_empty() {
        let sql = Sql::facets_of_counts(&filter, &facets, &counted, Utc::now());
        match counting::of_counts(&running, &sql).await? {
            Some(rows) => {
                let mut inexact = Vec::new();
                for row in &rows {
                    if row.try_get("is_rest")? {
                        inexact.push(number(row)?);
                    }
                }
                rank(&rows, &mut answered, Some)?;
                counted.retain(|at| !inexact.contains(at));
            }
            None => counted.clear(),
        }
    }
    let left = others(&facets, &counted);
    for at in &left {
        if let Some(facet) = answered.get_mut(*at) {
            (facet.distinct, facet.values) = (0, Vec::new());
        }
    }
    let scan = match left.is_empty() {
        true => None,
        false => {
            let whole = counting::extent(&running, &filter).await?;
            Scan::begin(pool, &mut running, &filter, whole).await?
        }
    };
    let seen = vec![HashMap::new(); left.len()];
    Ok(Values { running, filter, facets: facets.only(&left), answered, left, seen, bytes: 0, scan })
}

fn number(row: &Row) -> Result<usize, QueryError> {
    Ok(usize::try_from(row.try_get::<_, i32>("facet")?).unwrap_or_default())
}

/// Rows in their order, each added to the facet that has its number.
fn rank(
    rows: &[Row],
    answered: &mut [Facet],
    place: impl Fn(usize) -> Option<usize>,
) -> Result<(), QueryError> {
    for row in rows {
        let at = place(number(row)?);
        if let Some(facet) = at.and_then(|at| answered.get_mut(at)) {
            facet.distinct = row.try_get("distinct_values")?;
            let (value, count) = (row.try_get("value")?, row.try_get("count")?);
            facet.values.push(Counted { value, count });
        }
    }
    Ok(())
}

struct Values {
    running: Running,
    filter: Filter,
    /// Those that are looked at.
    facets: Facets,
    answered: Vec<Facet>,
    /// Their numbers among the answered.
    left: Vec<usize>,
    seen: Vec<HashMap<Option<String>, i64>>,
    bytes: usize,
    scan: Option<Scan>,
}

impl Values {
    /// `false` if that is more than can be held.
    fn add(&mut self, rows: &[Row]) -> Result<bool, QueryError> {
        for row in rows {
            let Some(seen) = self.seen.get_mut(number(row)?) else { continue };
            let (value, count): (Option<String>, i64) =
                (row.try_get("value")?, row.try_get("count")?);
            let bytes = value.as_ref().map_or(0, String::len);
            let before = seen.len();
            *seen.entry(value).or_default() += count;
            if seen.len() > before {
                self.bytes += bytes;
            }
        }
        let values: usize = self.seen.iter().map(HashMap::len).sum();
        Ok(values <= MAX_VALUES && self.bytes <= MAX_BYTES && rows.len() <= MAX_VALUES)
    }

    /// The server alone, in one statement.
    async fn leave_it_to_the_server(&mut self) -> Result<(), QueryError> {
        if let Some(scan) = self.scan.take() {
            scan.finish();
        }
        self.seen.clear();
        let sql = Sql::facets(&self.filter, &self.facets);
        let rows: Vec<_> = self.running.rows(&sql).await?.try_collect().await?;
        for at in &self.left {
            if let Some(facet) = self.answered.get_mut(*at) {
                (facet.distinct, facet.values) = (0, Vec::new());
            }
        }
        rank(&rows, &mut self.answered, |place| self.left.get(place).copied())?;
        Ok(())
    }
}

impl Counting for Values {
    type Answer = Answer;

    async fn advance(&mut self) -> Result<bool, QueryError> {
        let Some(scan) = &mut self.scan else { return Ok(false) };
        // One more than can be held shows that there are too many.
        let most = u32::try_from(MAX_VALUES + 1).unwrap_or(u32::MAX);
        let statement =
            |filter: &Filter, slice| Sql::facet_values(filter, &self.facets, slice, most);
        let Some(rows) = scan.next(&mut self.running, statement).await? else { return Ok(false) };
        if !self.add(&rows)? {
            self.leave_it_to_the_server().await?;
        }
        Ok(true)
    }

    fn answer(&self) -> Answer {
        let mut facets = self.answered.clone();
        for (at, seen) in self.left.iter().zip(&self.seen) {
            let Some(facet) = facets.get_mut(*at) else { continue };
            facet.distinct = i64::try_from(seen.len()).unwrap_or(i64::MAX);
            let mut values: Vec<_> = seen.iter().collect();
            // NULL behind the others, as the server has it.
            values
                .sort_unstable_by_key(|(value, count)| (Reverse(**count), value.is_none(), *value));
            values.truncate(self.facets.limit());
            let counted = |(value, count): (&Option<String>, &i64)| Counted {
                value: value.clone(),
                count: *count,
            };
            facet.values = values.into_iter().map(counted).collect();
        }
        Answer { facets }
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
