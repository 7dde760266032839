//! Which columns' values the store keeps counts of: what `log.counted_columns` of `sql/migrations/0012_counts.sql` says there.

use trunkline_record::{Column, Table};

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
