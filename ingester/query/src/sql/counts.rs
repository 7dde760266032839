//! Statements over counts in place of rows. What they answer with `is_rest` isn't all that can be known: the rows have to be looked at.

use chrono::{DateTime, TimeDelta, Utc};
use trunkline_record::Table;

use super::{Param, Scope, Sql};
use crate::columns::has;
use crate::counted::{ALL_ROWS, Parts, Span, counted_by, is_of_source};
use crate::{Facets, Filter, Order, Slice};

/// The counts of one table that have all that is asked for.
struct Counts<'a> {
    table: Table,
    by: &'static str,
    parts: &'a Parts,
}

impl Sql {
    /// `time, severity, count, is_rest` as [`Sql::histogram`]; `None` where there are no such counts.
    pub fn histogram_of_counts(
        filter: &Filter,
        slice: Slice,
        step: TimeDelta,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let longest = Span::longest_within(step)?;
        let mut sql = Self::default();
        let (step, origin) = sql.bind_steps(step);
        for (at, table) in filter.tables.each().enumerate() {
            let by = counted_by(table, filter, None)?;
            let parts = Parts::of(slice, Some(longest), by != ALL_ROWS, now);
            if parts.counts.is_empty() {
                return None;
            }
            sql.push(if at == 0 { "" } else { " UNION ALL " });
            sql.push(&format!(
                "SELECT date_bin(make_interval(secs => {step}), begins, {origin}) AS time, error_severity::text AS severity, \
                 sum(rows)::bigint AS count, bool_or(is_rest) AS is_rest"
            ));
            sql.push_counts(filter, &Counts { table, by, parts: &parts });
            sql.push(" GROUP BY 1, error_severity");
            for slice in &parts.rows {
                sql.push(&format!(
                    " UNION ALL SELECT date_bin(make_interval(secs => {step}), log_time, {origin}), error_severity::text, count(*), false \
                     FROM log.{}",
                    table.name()
                ));
                sql.restrict(&scope(*slice), table, filter);
                sql.push(" GROUP BY 1, error_severity");
            }
        }
        Some(sql)
    }

    /// `facet, value, count, distinct_values, is_rest` as [`Sql::facets`], of those whose numbers are given: see [`Facets::counted`].
    pub fn facets_of_counts(
        filter: &Filter,
        facets: &Facets,
        which: &[usize],
        now: DateTime<Utc>,
    ) -> Self {
        let mut sql = Self::default();
        let limit = sql.bind(Param::Int(facets.limit.into()));
        sql.push("SELECT facet, value, count, distinct_values, is_rest FROM (SELECT *, ");
        sql.push("row_number() OVER (PARTITION BY facet ORDER BY count DESC, value) AS rank, ");
        sql.push("count(*) OVER (PARTITION BY facet) AS distinct_values, bool_or(has_rest) OVER (PARTITION BY facet) AS is_rest FROM (");
        sql.push(
            "SELECT facet, value, sum(count)::bigint AS count, bool_or(is_rest) AS has_rest FROM (",
        );
        let mut is_first = true;
        for number in which {
            let column = facets.columns[*number].name;
            for table in filter.tables.each() {
                let Some(by) = counted_by(table, filter, Some(column)) else { continue };
                let whole = Slice { from: filter.from, to: filter.to };
                let parts = Parts::of(whole, Some(Span::Day), by != ALL_ROWS, now);
                let value = if has(table, column) { column } else { "NULL" };
                if !parts.counts.is_empty() {
                    sql.push(if std::mem::take(&mut is_first) { "" } else { " UNION ALL " });
                    sql.push(&format!("SELECT {number} AS facet, {value}::text AS value, sum(rows)::bigint AS count, bool_or(is_rest) AS is_rest"));
                    sql.push_counts(filter, &Counts { table, by, parts: &parts });
                    sql.push(" GROUP BY 2 HAVING sum(rows) <> 0");
                }
                for slice in &parts.rows {
                    sql.push(if std::mem::take(&mut is_first) { "" } else { " UNION ALL " });
                    sql.push(&format!("SELECT {number} AS facet, {value}::text AS value, count(*) AS count, false AS is_rest FROM log.{}", table.name()));
                    sql.restrict(&scope(*slice), table, filter);
                    sql.push(" GROUP BY 2");
                }
            }
        }
        if is_first {
            sql.push("SELECT 0 AS facet, NULL AS value, 0 AS count, false AS is_rest WHERE false");
        }
        sql.push(&format!(
            ") AS every GROUP BY facet, value) AS counted) AS ranked WHERE rank <= {limit} ORDER BY facet, rank"
        ));
        sql
    }

    /// ` FROM` what is counted ` WHERE` the filter holds.
    fn push_counts(&mut self, filter: &Filter, counts: &Counts<'_>) {
        let Counts { table, by, parts } = *counts;
        let value = if by == ALL_ROWS { "value" } else { by };
        self.push(" FROM (");
        let Some(counted) = parts.counted() else { return };
        let columns =
            format!("begins, namespace, cluster, error_severity, value AS {value}, is_rest, rows");
        let mut each = parts.counts.clone();
        each.sort_unstable_by_key(|(_, slice)| slice.from);
        let lists = each.iter().map(|(span, slice)| (span.table(), *slice));
        for (at, (from, slice)) in lists.chain([("log.count_delta", counted)]).enumerate() {
            self.push(if at == 0 { "" } else { " UNION ALL " });
            self.push(&format!(
                "SELECT {columns} FROM {from} WHERE table_name = '{}' AND column_name = '{by}'",
                table.name()
            ));
            self.push_begins(slice);
        }
        // What is in no other count of its day.
        let days = Slice { from: counted.from.map(|from| Span::Day.begin(from)), ..counted };
        for from in ["log.count_day", "log.count_delta"] {
            self.push(&format!(
                " UNION ALL SELECT begins, namespace, cluster, NULL, NULL, true, rows FROM {from} \
                 WHERE table_name = '{}' AND column_name = 'uncounted'",
                table.name()
            ));
            self.push_begins(days);
        }
        self.push(") AS counts WHERE TRUE");
        for condition in &filter.conditions {
            let mut names = Vec::new();
            condition.columns(&mut names);
            // Whether a rest has such values isn't known.
            let is_known = names.iter().all(|name| is_of_source(name) || !has(table, name));
            self.push(if is_known { " AND (" } else { " AND (is_rest OR " });
            condition.render(table, self);
            self.push(")");
        }
    }

    fn push_begins(&mut self, slice: Slice) {
        for (operator, bound) in [(">=", slice.from), ("<", slice.to)] {
            if let Some(moment) = bound {
                self.push(&format!(" AND begins {operator} "));
                self.push_param(Param::Time(moment));
            }
        }
    }
}

fn scope(slice: Slice) -> Scope {
    Scope { slice, behind: None, order: Order::default() }
}
