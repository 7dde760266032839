//! Which columns each table has, and the COPY that asks for them.
//!
//! All tables begin with `log_time` and the source, and end with `stream`, `position`, `escaped` and `extra`. What stands between
//! is listed here.

use trunkline_record::{Column, Table};

/// csvlog's.
const POSTGRES: &[Column] = {
    let (csvlog, _) = Column::ALL.split_at(Column::CSVLOG);
    // `log_time` is every table's.
    csvlog.split_at(1).1
};

const PATRONI: &[Column] = &[
    Column::ErrorSeverity,
    Column::Logger,
    Column::Thread,
    Column::ProcessId,
    Column::Message,
    Column::Location,
];

const COMPONENT: &[Column] =
    &[Column::Component, Column::ErrorSeverity, Column::ProcessId, Column::Message];

/// The columns that are the table's own, in the order of its COPY.
pub(super) const fn columns(table: Table) -> &'static [Column] {
    match table {
        Table::Postgres => POSTGRES,
        Table::Patroni => PATRONI,
        Table::Component => COMPONENT,
    }
}

/// How many fields a row of the table has: with `log_time`, the six of the source, and the four at the end.
pub(super) const fn fields(table: Table) -> u16 {
    // There are far fewer columns than 65,536.
    #[allow(clippy::cast_possible_truncation)]
    let own = columns(table).len() as u16;
    1 + 6 + own + 4
}

/// The columns that a record may have, `log_time` left out, and its table hasn't.
pub(super) fn beyond(table: Table) -> impl Iterator<Item = Column> {
    const MASKS: [u32; Table::ALL.len()] = [mask(POSTGRES), mask(PATRONI), mask(COMPONENT)];
    // A server's record has none of those that are other programs', as a rule, and of its own all are in the table.
    let first = if let Table::Postgres = table { Column::CSVLOG } else { 1 };
    let own = MASKS[table as usize];
    Column::ALL[first..].iter().copied().filter(move |column| own >> *column as u32 & 1 == 0)
}

const fn mask(columns: &[Column]) -> u32 {
    let (mut mask, mut at) = (0, 0);
    while at < columns.len() {
        mask |= 1 << columns[at] as u32;
        at += 1;
    }
    mask
}

/// Takes rows as [`RowEncoder::encode`](super::RowEncoder::encode) writes them.
pub(in crate::store) fn copy_statement(table: Table) -> String {
    let own: Vec<_> = columns(table).iter().map(|column| column.name()).collect();
    format!(
        "COPY log.{} (log_time, namespace, cluster, pod, container, node, role, {}, stream, position, escaped, extra) \
         FROM STDIN (FORMAT binary)",
        table.name(),
        own.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use trunkline_query as query;

    use super::*;

    #[test]
    fn queries_answer_every_column_that_is_stored() {
        for table in Table::ALL {
            let answered = query::Tables::One(table).columns().iter();
            let answered: Vec<_> = answered.map(|column| column.name).collect();
            let copied = format!("COPY log.{} ({}) FROM", table.name(), answered.join(", "));
            assert!(copy_statement(table).starts_with(&copied), "{copied}");
            assert_eq!(usize::from(fields(table)), answered.len());
        }
    }

    #[test]
    fn a_column_is_the_tables_own_or_beyond_it() {
        for table in Table::ALL {
            let mut all: Vec<_> = columns(table).iter().copied().chain(beyond(table)).collect();
            all.sort_unstable();
            assert_eq!(all, Column::ALL[1..], "{table:?}");
        }
    }
}
