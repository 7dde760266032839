//! Which columns each table has, and the COPY that asks for them.
//!
//! All COPYs begin with `log_time`, the source and `stream`, and end with `position`, `escaped` and `extra`. What stands between is
//! listed here, in an order that is good for writing it: what rows have in common stands together, and so does what they rarely have.

use trunkline_record::{Column, Table};

/// csvlog's: [`Column::OF_SESSION`], then [`OF_EVENT`], then [`RARE`].
const POSTGRES: &[Column] = {
    const ALL: [Column; Column::CSVLOG - 1] = {
        let parts: [&[Column]; 3] = [&Column::OF_SESSION, &OF_EVENT, &RARE];
        let (mut all, mut at, mut part) = ([Column::LogTime; Column::CSVLOG - 1], 0, 0);
        while part < parts.len() {
            let mut of_part = 0;
            while of_part < parts[part].len() {
                all[at] = parts[part][of_part];
                (at, of_part) = (at + 1, of_part + 1);
            }
            part += 1;
        }
        all
    };
    &ALL
};

/// What differs between the records of a session.
pub(super) const OF_EVENT: [Column; 9] = [
    Column::SessionLineNum,
    Column::QueryId,
    Column::VirtualTransactionId,
    Column::TransactionId,
    Column::ErrorSeverity,
    Column::SqlStateCode,
    Column::CommandTag,
    Column::Message,
    Column::Detail,
];

/// What few of them have.
pub(super) const RARE: [Column; 8] = [
    Column::Hint,
    Column::InternalQuery,
    Column::InternalQueryPos,
    Column::Context,
    Column::Query,
    Column::QueryPos,
    Column::Location,
    Column::LeaderPid,
];

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
        "COPY log.{} (log_time, namespace, cluster, pod, container, node, role, stream, {}, position, escaped, extra) \
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
            let sorted = |names: Vec<String>| {
                let mut names = names;
                names.sort_unstable();
                names
            };
            let answered = query::Tables::One(table).columns().iter();
            let answered = sorted(answered.map(|column| column.name.to_owned()).collect());
            let statement = copy_statement(table);
            let (_, copied) = statement.split_once('(').unwrap();
            let (copied, _) = copied.split_once(')').unwrap();
            let copied = sorted(copied.split(", ").map(str::to_owned).collect());
            assert_eq!(copied, answered, "{table:?}");
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
