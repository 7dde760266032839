//! Messages grouped by what they have in common, newest first under the query's time: what was looked at by then is answered.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;
use trunkline_query::{Filter, Order, Patterns, Scope, Slice, Sql, template};

use super::counting::extent;
use super::row;
use super::running::{QueryError, Running};
use super::scan::Scan;
use crate::store::Pool;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Found {
    /// The most frequent ones first.
    pub patterns: Vec<Pattern>,
    /// How many rows were looked at.
    pub examined: i64,
    /// Whether those were all; if not, they are the newest.
    pub complete: bool,
}

/// Messages that have a template in common.
#[derive(Debug, Serialize)]
pub struct Pattern {
    /// The template.
    pub pattern: String,
    /// Their severity.
    pub error_severity: Option<String>,
    /// How many there are.
    pub count: i64,
    /// When the first was written.
    pub first_seen: DateTime<Utc>,
    /// When the last was.
    pub last_seen: DateTime<Utc>,
    /// The last one; none if it has gone meanwhile.
    pub sample: Option<Box<RawValue>>,
}

/// Patterns that are told apart. Where there are more, messages aren't what templates are for.
const MOST: usize = 20_000;
/// The part of the time that is left for samples.
const SAMPLES: u32 = 5;
/// Rows of one moment among which a sample is looked for.
const OF_A_MOMENT: u32 = 1_000;

#[derive(Debug)]
struct Seen {
    count: i64,
    first: DateTime<Utc>,
    last: DateTime<Utc>,
}

#[derive(Debug, Default)]
struct Groups {
    groups: HashMap<(Option<String>, String), Seen>,
    examined: i64,
}

/// The most frequent patterns of the filter's rows.
pub async fn patterns(
    pool: &Pool,
    timeout: Duration,
    filter: &Filter,
    patterns: &Patterns,
) -> Result<Found, QueryError> {
    let begun = Instant::now();
    let mut groups = Groups::default();
    let looking = tokio::time::timeout_at(
        begun + timeout - timeout / SAMPLES,
        look(pool, filter, &mut groups),
    );
    let complete = match looking.await {
        Ok(Ok(complete)) => complete,
        Err(_) | Ok(Err(QueryError::Timeout)) => false,
        Ok(Err(error)) => return Err(error),
    };
    let Groups { groups, examined } = groups;
    let mut groups: Vec<_> = groups.into_iter().collect();
    let most_first = |((severity, pattern), seen): &((Option<String>, String), Seen)| {
        (std::cmp::Reverse(seen.count), severity.clone(), pattern.clone())
    };
    groups.sort_by_cached_key(most_first);
    groups.truncate(patterns.limit as usize);
    let mut found = Vec::with_capacity(groups.len());
    let running = Running::begin(pool).await?;
    for ((error_severity, pattern), Seen { count, first, last }) in groups {
        let sample = sample(&running, filter, &error_severity, &pattern, last);
        let sample = tokio::time::timeout_at(begun + timeout, sample).await;
        let sample = sample.unwrap_or(Err(QueryError::Timeout))?;
        found.push(Pattern {
            pattern,
            error_severity,
            count,
            first_seen: first,
            last_seen: last,
            sample,
        });
    }
    running.finish();
    Ok(Found { patterns: found, examined, complete })
}

/// Looks at all of the filter's rows, if there is time; answers whether it could tell all patterns apart.
async fn look(pool: &Pool, filter: &Filter, groups: &mut Groups) -> Result<bool, QueryError> {
    let mut running = Running::begin(pool).await?;
    let whole = extent(&running, filter).await?;
    let mut complete = true;
    if let Some(mut scan) = Scan::begin(pool, &mut running, filter, whole).await? {
        while complete && let Some(rows) = scan.next(&mut running, Sql::messages).await? {
            for row in rows {
                let count: i64 = row.try_get("count")?;
                let pattern =
                    template(row.try_get::<_, Option<&str>>("message")?.unwrap_or_default());
                let key = (row.try_get("severity")?, pattern);
                let (first, last) = (row.try_get("oldest")?, row.try_get("newest")?);
                if groups.groups.len() >= MOST && !groups.groups.contains_key(&key) {
                    complete = false;
                    continue;
                }
                let new = Seen { count: 0, first, last };
                let seen = groups.groups.entry(key).or_insert(new);
                seen.count += count;
                (seen.first, seen.last) = (seen.first.min(first), seen.last.max(last));
                groups.examined += count;
            }
        }
        scan.finish();
    }
    running.finish();
    Ok(complete)
}

/// A row of the pattern, written at this moment.
async fn sample(
    running: &Running,
    filter: &Filter,
    severity: &Option<String>,
    pattern: &str,
    at: DateTime<Utc>,
) -> Result<Option<Box<RawValue>>, QueryError> {
    let slice = Slice { from: Some(at), to: Some(at + TimeDelta::microseconds(1)) };
    let scope = Scope { slice, behind: None, order: Order::Desc };
    let sql = Sql::rows(filter, &scope, Some(OF_A_MOMENT));
    let rows: Vec<_> = running.rows(&sql).await?.try_collect().await?;
    for row in rows {
        let message = row.try_get::<_, Option<&str>>("message")?.unwrap_or_default();
        let of: Option<&str> = row.try_get("error_severity")?;
        if of == severity.as_deref() && template(message) == pattern {
            let mut json = Vec::new();
            row::write_json(&row, filter.tables.columns(), &mut json);
            // What serde has written is UTF-8, and JSON.
            let json = String::from_utf8(json).unwrap_or_default();
            return Ok(RawValue::from_string(json).ok());
        }
    }
    Ok(None)
}
