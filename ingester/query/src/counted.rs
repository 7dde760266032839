//! What the store's counts can answer, and which of them: see `sql/migrations/0012_counts.sql`.
//!
//! A count is of the rows of one minute, hour or day that agree in namespace, cluster, severity and the value of one column. So a filter
//! over these, and over no more than one such column, can be asked of them. A range of time is made of days, of hours and minutes at
//! its ends, and of rows within the two minutes where it begins and ends.

mod parts;

use trunkline_record::{Column, Table};

use crate::columns::has;
use crate::{Filter, Tables};
pub(crate) use parts::{Parts, Span};

/// Columns of the table whose values are counted, each by itself, by cluster and severity.
pub const fn counted_columns(table: Table) -> &'static [Column] {
    match table {
        Table::Postgres => &[
            Column::UserName,
            Column::DatabaseName,
            Column::ApplicationName,
            Column::BackendType,
            Column::SqlStateCode,
        ],
        Table::Patroni => &[],
        Table::Component => &[Column::Component],
    }
}

/// What counts rows without regard to a column's values.
pub(crate) const ALL_ROWS: &str = "error_severity";

/// Which counts of a table have all that is asked for: the name of the column that they are of.
pub(crate) fn counted_by(
    table: Table,
    filter: &Filter,
    shown: Option<&'static str>,
) -> Option<&'static str> {
    let mut names: Vec<&'static str> = shown.into_iter().collect();
    for condition in &filter.conditions {
        if !condition.columns(&mut names) {
            return None;
        }
    }
    let mut by = None;
    // What a table hasn't is NULL in all of its rows.
    for name in names.into_iter().filter(|name| !is_of_all(name) && has(table, name)) {
        let column = counted_columns(table).iter().find(|column| column.name() == name)?;
        if by.is_some_and(|other| other != column.name()) {
            return None;
        }
        by = Some(column.name());
    }
    Some(by.unwrap_or(ALL_ROWS))
}

/// Whether every count has it.
pub(crate) fn is_of_all(column: &str) -> bool {
    is_of_source(column) || column == ALL_ROWS
}

pub(crate) fn is_of_source(column: &str) -> bool {
    matches!(column, "namespace" | "cluster")
}

impl Tables {
    /// Whether counts of each of the tables have all that is asked for.
    pub(crate) fn are_counted(self, filter: &Filter, shown: Option<&'static str>) -> bool {
        self.each().all(|table| counted_by(table, filter, shown).is_some())
    }
}
