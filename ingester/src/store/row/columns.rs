//! Which columns each table has, and the COPY that asks for them.
//!
//! All rows begin with `log_time`, the source and `stream`; the table's usual columns follow, and `position`. There a row ends that has
//! nothing else ([`Form::Short`]): each field costs the server a call, also one that is NULL. All others go on with the table's rare
//! columns, `escaped` and `extra`, so that the short form of a row is a beginning of its full one.

use trunkline_record::{Column, Table};

/// How much of its table a row fills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Form {
    /// Up to `position`: nine in ten rows of `log.postgres`. The other tables' have few columns, and are all full.
    Short,
    /// Every column.
    Full,
}

/// csvlog's, [`RARE`] left out: [`Column::OF_SESSION`], then [`OF_EVENT`].
const USUAL: [Column; Column::OF_SESSION.len() + OF_EVENT.len()] = {
    let mut usual = [Column::LogTime; Column::OF_SESSION.len() + OF_EVENT.len()];
    let (session, event) = usual.split_at_mut(Column::OF_SESSION.len());
    session.copy_from_slice(&Column::OF_SESSION);
    event.copy_from_slice(&OF_EVENT);
    usual
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

/// The columns that are the table's own: those before `position`, and those behind it.
pub(super) const fn columns(table: Table) -> (&'static [Column], &'static [Column]) {
    match table {
        Table::Postgres => (&USUAL, &RARE),
        Table::Patroni => (PATRONI, &[]),
        Table::Component => (COMPONENT, &[]),
    }
}

/// How many fields a row of the table has: with `log_time`, the six of the source, `stream` and `position`; in full with `escaped` and
/// `extra`.
pub(super) const fn fields(table: Table, form: Form) -> u16 {
    let (usual, rare) = columns(table);
    let short = 1 + 6 + 1 + usual.len() + 1;
    // There are far fewer columns than 65,536.
    #[allow(clippy::cast_possible_truncation)]
    match form {
        Form::Short => short as u16,
        Form::Full => (short + rare.len() + 2) as u16,
    }
}

/// The columns that a record may have, `log_time` left out, and its table hasn't.
pub(super) fn beyond(table: Table) -> impl Iterator<Item = Column> {
    const MASKS: [u32; Table::ALL.len()] =
        [mask(Table::Postgres), mask(Table::Patroni), mask(Table::Component)];
    // A server's record has none of those that are other programs', as a rule, and of its own all are in the table.
    let first = if let Table::Postgres = table { Column::CSVLOG } else { 1 };
    let own = MASKS[table as usize];
    Column::ALL[first..].iter().copied().filter(move |column| own >> *column as u32 & 1 == 0)
}

const fn mask(table: Table) -> u32 {
    let (usual, rare) = columns(table);
    of(usual) | of(rare)
}

const fn of(columns: &[Column]) -> u32 {
    let (mut mask, mut at) = (0, 0);
    while at < columns.len() {
        mask |= 1 << columns[at] as u32;
        at += 1;
    }
    mask
}

/// Takes rows of this form as [`RowEncoder::encode`](super::RowEncoder::encode) writes them.
pub(in crate::store) fn copy_statement(table: Table, form: Form) -> String {
    let (usual, rare) = columns(table);
    let names = |columns: &'static [Column]| columns.iter().map(|column| column.name());
    let source = ["log_time", "namespace", "cluster", "pod", "container", "node", "role", "stream"];
    let mut all: Vec<_> = source.into_iter().chain(names(usual)).chain(["position"]).collect();
    if form == Form::Full {
        all.extend(names(rare).chain(["escaped", "extra"]));
    }
    format!("COPY log.{} ({}) FROM STDIN (FORMAT binary)", table.name(), all.join(", "))
}

#[cfg(test)]
mod tests {
    use trunkline_query as query;

    use super::*;

    fn copied(table: Table, form: Form) -> Vec<String> {
        let statement = copy_statement(table, form);
        let (_, copied) = statement.split_once('(').unwrap();
        let (copied, _) = copied.split_once(')').unwrap();
        let copied: Vec<_> = copied.split(", ").map(str::to_owned).collect();
        assert_eq!(usize::from(fields(table, form)), copied.len());
        copied
    }

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
            assert_eq!(sorted(copied(table, Form::Full)), answered, "{table:?}");
        }
    }

    #[test]
    fn a_short_row_is_the_beginning_of_a_full_one() {
        for table in Table::ALL {
            assert!(
                copied(table, Form::Full).starts_with(&copied(table, Form::Short)),
                "{table:?}"
            );
        }
    }

    #[test]
    fn a_column_is_the_tables_own_or_beyond_it() {
        for table in Table::ALL {
            let (usual, rare) = columns(table);
            let mut all: Vec<_> = usual.iter().chain(rare).copied().chain(beyond(table)).collect();
            all.sort_unstable();
            assert_eq!(all, Column::ALL[1..], "{table:?}");
        }
    }
}
