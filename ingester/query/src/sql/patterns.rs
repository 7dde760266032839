//! Messages counted, for their templates to be found.

use super::{Scope, Sql};
use crate::template::LONGEST;
use crate::{Filter, FilterError, Order, Parameters, Slice};

/// Patterns when nothing else is asked for.
const DEFAULT_LIMIT: u32 = 50;
/// Patterns at most.
const MAX_LIMIT: u32 = 500;

/// How many patterns are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patterns {
    /// The most frequent ones.
    pub limit: u32,
}

impl Patterns {
    /// Reads `limit`.
    pub fn read(parameters: &mut Parameters<'_>) -> Result<Self, FilterError> {
        let limit = parameters.read("limit", |value| {
            let number = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
            number.ok_or_else(|| format!("is no number from 1 to {MAX_LIMIT}"))
        })?;
        Ok(Self { limit: limit.unwrap_or(DEFAULT_LIMIT) })
    }
}

impl Sql {
    /// `message, severity, count, oldest, newest`: the filter's messages in a range of time, as far as a template looks at them.
    pub fn messages(filter: &Filter, slice: Slice) -> Self {
        let mut sql = Self::default();
        let scope = Scope { slice, behind: None, order: Order::default() };
        for (at, table) in filter.tables.each().enumerate() {
            sql.push(if at == 0 { "SELECT " } else { " UNION ALL SELECT " });
            sql.push(&format!(
                "left(message, {LONGEST}) AS message, error_severity::text AS severity, count(*) AS count, \
                 min(log_time) AS oldest, max(log_time) AS newest FROM log.{}",
                table.name()
            ));
            sql.restrict(&scope, table, filter);
            sql.push(" GROUP BY 1, 2");
        }
        sql
    }
}
