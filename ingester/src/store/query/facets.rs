//! The most frequent values of columns.

use std::time::Duration;

use futures_util::TryStreamExt;
use serde::Serialize;
use serde_json::Value;
use trunkline_query::{Facets, Filter, Sql};

use super::running::{QueryError, Running};
use super::{explained, within};
use crate::store::Pool;

/// A column's most frequent values.
#[derive(Debug, Serialize)]
pub struct Facet {
    /// The column.
    pub field: &'static str,
    /// How many different values there are, NULL among them.
    pub distinct: i64,
    /// The most frequent ones, the first ahead.
    pub values: Vec<Counted>,
}

/// A value and how often it is there.
#[derive(Debug, Serialize)]
pub struct Counted {
    /// The value as text; `None` is NULL.
    pub value: Option<String>,
    /// Rows that have it.
    pub count: i64,
}

/// Counts the values in the filter's rows.
pub async fn facets(
    pool: &Pool,
    timeout: Duration,
    filter: &Filter,
    facets: &Facets,
) -> Result<Vec<Facet>, QueryError> {
    within(timeout, async {
        let running = Running::begin(pool).await?;
        let rows = running.rows(&Sql::facets(filter, facets)).await?;
        let rows: Vec<_> = rows.try_collect().await?;
        running.finish();
        let names = facets.columns().iter().map(|column| column.name);
        let mut all: Vec<_> =
            names.map(|field| Facet { field, distinct: 0, values: Vec::new() }).collect();
        for row in rows {
            let at = usize::try_from(row.try_get::<_, i32>("facet")?).unwrap_or_default();
            if let Some(facet) = all.get_mut(at) {
                facet.distinct = row.try_get("distinct_values")?;
                let (value, count) = (row.try_get("value")?, row.try_get("count")?);
                facet.values.push(Counted { value, count });
            }
        }
        Ok(all)
    })
    .await
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
        let explained = explained(&running, &Sql::facets(filter, facets)).await?;
        running.finish();
        Ok(vec![explained])
    })
    .await
}
