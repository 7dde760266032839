//! Counts as the statement's parameters, one array a column.

use tokio_postgres::types::ToSql;
use trunkline_record::{Severity, Table};

use super::Source;
use super::cells::{Cells, Value};

/// Adds a transaction's counts. Nobody waits for anybody, since nothing is changed that is there.
pub(in crate::store) const INSERT: &str = "\
INSERT INTO log.count_delta (table_name, column_name, begins, namespace, cluster, error_severity, value, is_rest, rows) \
SELECT n.table_name, n.column_name, to_timestamp((n.minute * 60)::double precision), n.namespace, n.cluster, \
n.error_severity::log.severity, n.value, n.is_rest, n.rows \
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::bigint[]) \
AS n (table_name, column_name, minute, namespace, cluster, error_severity, value, is_rest, rows)";

/// What counts rows without regard to a column's values.
const ALL_ROWS: &str = "error_severity";
/// What there is only a number of.
const UNCOUNTED: &str = "uncounted";

/// The parameters of [`INSERT`].
#[derive(Debug, Default)]
pub(in crate::store) struct Delta<'a> {
    pub(super) tables: Vec<&'static str>,
    pub(super) columns: Vec<&'static str>,
    pub(super) minutes: Vec<i64>,
    pub(super) namespaces: Vec<Option<&'a str>>,
    pub(super) clusters: Vec<Option<&'a str>>,
    pub(super) severities: Vec<Option<&'static str>>,
    pub(super) values: Vec<Option<&'a str>>,
    pub(super) rests: Vec<bool>,
    pub(super) rows: Vec<i64>,
}

impl<'a> Delta<'a> {
    pub(super) fn of(cells: &'a Cells, sources: &'a [Source]) -> Self {
        let mut delta = Self::default();
        for ((head, counted), rows) in &cells.rows {
            let (column, value) = match counted {
                None => (ALL_ROWS, Value::Null),
                Some((column, value)) => (column.name(), *value),
            };
            let text = match (counted, value) {
                (Some((column, _)), Value::Text(number)) => cells.text(*column, number),
                _ => None,
            };
            let severity = Severity::ALL.get(usize::from(head.severity));
            delta.push(head.table, column, sources.get(head.source as usize), *rows);
            delta.minutes.push(head.minute);
            delta.severities.push(severity.map(|severity| severity.as_str()));
            delta.values.push(text);
            delta.rests.push(value == Value::Rest);
        }
        for ((table, source, day), rows) in &cells.uncounted {
            let table = Table::ALL[usize::from(*table)];
            delta.push(table, UNCOUNTED, sources.get(*source as usize), *rows);
            delta.minutes.push(day * 24 * 60);
            delta.severities.push(None);
            delta.values.push(None);
            delta.rests.push(true);
        }
        delta
    }

    fn push(&mut self, table: Table, column: &'static str, source: Option<&'a Source>, rows: u64) {
        let (namespace, cluster) = source.map_or((None, None), |(namespace, cluster)| {
            (namespace.as_deref(), cluster.as_deref())
        });
        self.tables.push(table.name());
        self.columns.push(column);
        self.namespaces.push(namespace);
        self.clusters.push(cluster);
        // A batch has fewer rows than that.
        self.rows.push(rows.cast_signed());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// For [`INSERT`].
    pub(in crate::store) fn parameters(&self) -> [&(dyn ToSql + Sync); 9] {
        [
            &self.tables,
            &self.columns,
            &self.minutes,
            &self.namespaces,
            &self.clusters,
            &self.severities,
            &self.values,
            &self.rests,
            &self.rows,
        ]
    }
}
