//! When which pod became the leader of its cluster.

use chrono::{DateTime, Utc};
use trunkline_record::Table;

use super::{Param, Sql};
use crate::expression::Expression;
use crate::{FIELDS, FilterError, Parameters, Slice, Tables};

/// Which failovers are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Failovers {
    slice: Slice,
    conditions: Vec<Expression>,
    limit: u32,
}

/// Failovers when nothing else is asked for.
const DEFAULT_LIMIT: u32 = 100;
/// Failovers at most.
const MAX_LIMIT: u32 = 1_000;
/// The parameters that name columns of `log.failover`.
const NAMES: [&str; 3] = ["namespace", "cluster", "pod"];
/// A table that has these columns by the same names, for the fields to be checked against.
const LIKE: Table = Table::Patroni;

impl Failovers {
    /// Reads `from`, `to`, `namespace`, `cluster`, `pod`, and `limit`.
    pub fn read(parameters: &mut Parameters<'_>, now: DateTime<Utc>) -> Result<Self, FilterError> {
        let slice = Slice::read(parameters, now)?;
        let mut conditions = Vec::new();
        for field in FIELDS.iter().filter(|field| NAMES.contains(&field.name)) {
            conditions.extend(field.read(Tables::One(LIKE), parameters)?);
        }
        let limit = parameters.read("limit", |value| {
            let number = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
            number.ok_or_else(|| format!("is no number from 1 to {MAX_LIMIT}"))
        })?;
        Ok(Self { slice, conditions, limit: limit.unwrap_or(DEFAULT_LIMIT) })
    }
}

impl Sql {
    /// `at, namespace, cluster, pod, source, was`: the newest first; `was` is the leader before, as far as that is known.
    pub fn failovers(failovers: &Failovers) -> Self {
        let mut sql = Self::default();
        sql.push("SELECT * FROM (SELECT at, namespace, cluster, pod, source, ");
        sql.push("lag(pod) OVER (PARTITION BY namespace, cluster ORDER BY at) AS was FROM log.failover) AS every WHERE TRUE");
        for (operator, bound) in [(">=", failovers.slice.from), ("<", failovers.slice.to)] {
            if let Some(moment) = bound {
                sql.push(&format!(" AND at {operator} "));
                sql.push_param(Param::Time(moment));
            }
        }
        for condition in &failovers.conditions {
            sql.push(" AND ");
            condition.render(LIKE, &mut sql);
        }
        sql.push(" ORDER BY at DESC, namespace, cluster, pod LIMIT ");
        sql.push_param(Param::Int(failovers.limit.into()));
        sql
    }
}
