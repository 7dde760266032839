//! Rows counted by time and severity.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Param, Scope, Sql};
use crate::{Filter, FilterError, Order, Parameters, Slice, time};

/// How rows are counted: in steps of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Histogram {
    /// The length of a step, where it is given.
    step: Option<TimeDelta>,
    /// How many steps there may be, where the length is to be found.
    buckets: u32,
}

/// Steps when nothing else is asked for.
const DEFAULT_BUCKETS: u32 = 100;
/// Steps at most.
const MAX_BUCKETS: u32 = 10_000;

/// Lengths of steps that a person can read off an axis, in seconds.
const STEPS: [i64; 17] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 10_800, 21_600, 43_200, DAY];
const DAY: i64 = 86_400;
/// A Monday, so that weeks begin where people begin them.
const ORIGIN: i64 = 4 * DAY;

impl Histogram {
    /// Reads `step` and `buckets`.
    pub fn read(parameters: &mut Parameters<'_>) -> Result<Self, FilterError> {
        let step = parameters.read("step", |value| {
            time::span(value)
                .filter(|step| (TimeDelta::seconds(1)..=TimeDelta::days(366)).contains(step))
                .ok_or_else(|| "is no span from 1s to 366d, as 5m (s, m, h, d, w)".to_owned())
        })?;
        let buckets = parameters.read("buckets", |value| {
            let number = value.parse().ok().filter(|buckets| (1..=MAX_BUCKETS).contains(buckets));
            number.ok_or_else(|| format!("is no number from 1 to {MAX_BUCKETS}"))
        })?;
        Ok(Self { step, buckets: buckets.unwrap_or(DEFAULT_BUCKETS) })
    }

    /// The step for this range of time: the one given, or the shortest that a person can read and that makes no more steps than
    /// there may be.
    pub fn step(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<TimeDelta, FilterError> {
        let seconds = (to - from).num_seconds().max(1);
        if let Some(step) = self.step {
            if seconds / step.num_seconds() >= i64::from(MAX_BUCKETS) {
                let reason = format!("makes more than {MAX_BUCKETS} steps of this range of time");
                return Err(FilterError::new("step", reason));
            }
            return Ok(step);
        }
        // One more, since a range seldom begins where a step begins.
        let fits = |step: &i64| seconds / step + 1 < i64::from(self.buckets).max(2);
        let days = || (1..).map(|weeks| weeks * 7 * DAY);
        let step = STEPS.into_iter().chain(days()).find(fits).unwrap_or(DAY);
        Ok(TimeDelta::seconds(step))
    }
}

impl Sql {
    /// When the first and the last row were written, of those in the filter's range of time.
    pub fn extent(filter: &Filter) -> Self {
        let mut sql = Self::default();
        let scope = Scope::of(filter, None, Order::default());
        sql.push("SELECT min(first) AS first, max(last) AS last FROM (");
        for (at, table) in filter.tables.each().enumerate() {
            sql.push(if at == 0 { "" } else { " UNION ALL " });
            sql.push(&format!(
                "SELECT min(log_time) AS first, max(log_time) AS last FROM log.{} WHERE TRUE",
                table.name()
            ));
            sql.push_scope(&scope);
        }
        sql.push(") AS every");
        sql
    }

    /// `time, severity, count` for each step of this length in which there are rows; of several tables, one after the other.
    pub fn histogram(filter: &Filter, slice: Slice, step: TimeDelta) -> Self {
        let mut sql = Self::default();
        let (step, origin) = sql.bind_steps(step);
        let scope = Scope { slice, behind: None, order: Order::default() };
        for (at, table) in filter.tables.each().enumerate() {
            sql.push(if at == 0 { "" } else { " UNION ALL " });
            sql.push(&format!(
                "SELECT date_bin(make_interval(secs => {step}), log_time, {origin}) AS time, \
                 error_severity::text AS severity, count(*) AS count FROM log.{}",
                table.name()
            ));
            sql.restrict(&scope, table, filter);
            sql.push(" GROUP BY 1, error_severity");
        }
        sql
    }

    /// Binds the length of a step, in seconds, and when one begins.
    pub(super) fn bind_steps(&mut self, step: TimeDelta) -> (String, String) {
        // Steps have whole seconds, and few of them.
        #[allow(clippy::cast_precision_loss)]
        let step = self.bind(Param::Float(step.num_seconds() as f64));
        let origin = DateTime::from_timestamp(ORIGIN, 0).unwrap_or_default();
        (step, self.bind(Param::Time(origin)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parameters: &[(&str, &str)], seconds: i64, expected: Option<i64>) {
        let mut parameters = Parameters::new(parameters.iter().copied()).unwrap();
        let histogram = Histogram::read(&mut parameters).unwrap();
        let to = DateTime::from_timestamp(seconds, 0).unwrap();
        let step = histogram.step(DateTime::UNIX_EPOCH, to);
        assert_eq!(step.ok().map(|step| step.num_seconds()), expected);
    }

    #[test]
    fn steps_can_be_read_and_are_not_too_many() {
        check(&[], 0, Some(1));
        check(&[], 60, Some(1));
        check(&[], 3_600, Some(60));
        check(&[], DAY, Some(900));
        check(&[], 30 * DAY, Some(6 * 3_600 * 2));
        check(&[], 5_000 * DAY, Some(56 * DAY));
        check(&[("buckets", "10")], 3_600, Some(600));
        check(&[("buckets", "1")], 3_600, Some(7_200 * 3 / 2));
        check(&[("step", "7m")], DAY, Some(420));
        check(&[("step", "1s")], DAY, None);
    }
}
