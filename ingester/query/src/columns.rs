//! The columns of each table: what a row of the answer has, what a filter may name, and where `text` looks.

use trunkline_record::Table;

/// What a column, or a value, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `boolean`
    Bool,
    /// `text`
    Text,
    /// `text[]`
    TextArray,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `timestamptz`
    Time,
    /// `interval`
    Interval,
    /// `log.severity`
    Severity,
    /// `uuid`
    Uuid,
    /// `jsonb`
    Json,
}

/// A column of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in the table, and in the answer.
    pub name: &'static str,
    /// Its type.
    pub kind: Type,
}

impl Column {
    /// Whose row it is: a column of the answer where rows of all tables are merged.
    pub(crate) const TABLE: Self = Self::new("table", Type::Text);

    const fn new(name: &'static str, kind: Type) -> Self {
        Self { name, kind }
    }
}

/// The columns of a table, in their order.
pub(crate) const fn columns_of(table: Table) -> &'static [Column] {
    match table {
        Table::Postgres => &POSTGRES,
        Table::Patroni => &PATRONI,
        Table::Component => &COMPONENT,
    }
}

/// Whether a table has the column.
pub(crate) fn has(table: Table, name: &str) -> bool {
    columns_of(table).iter().any(|column| column.name == name)
}

/// The columns that `text` looks into.
pub(crate) const fn texts(table: Table) -> &'static [&'static str] {
    match table {
        Table::Postgres => &["message", "detail", "hint", "query", "context"],
        Table::Patroni => &["message", "logger", "location"],
        Table::Component => &["message", "component"],
    }
}

/// What every table begins with …
const SOURCE: [Column; 7] = [
    Column::new("log_time", Type::Time),
    Column::new("namespace", Type::Text),
    Column::new("cluster", Type::Text),
    Column::new("pod", Type::Text),
    Column::new("container", Type::Text),
    Column::new("node", Type::Text),
    Column::new("role", Type::Text),
];

/// … and ends with.
const PLACE: [Column; 4] = [
    Column::new("stream", Type::Uuid),
    Column::new("position", Type::Int8),
    Column::new("escaped", Type::TextArray),
    Column::new("extra", Type::Json),
];

const OF_POSTGRES: [Column; 25] = [
    Column::new("user_name", Type::Text),
    Column::new("database_name", Type::Text),
    Column::new("process_id", Type::Int4),
    Column::new("connection_from", Type::Text),
    Column::new("session_id", Type::Text),
    Column::new("session_line_num", Type::Int8),
    Column::new("command_tag", Type::Text),
    Column::new("session_start_time", Type::Time),
    Column::new("virtual_transaction_id", Type::Text),
    Column::new("transaction_id", Type::Int8),
    Column::new("error_severity", Type::Severity),
    Column::new("sql_state_code", Type::Text),
    Column::new("message", Type::Text),
    Column::new("detail", Type::Text),
    Column::new("hint", Type::Text),
    Column::new("internal_query", Type::Text),
    Column::new("internal_query_pos", Type::Int4),
    Column::new("context", Type::Text),
    Column::new("query", Type::Text),
    Column::new("query_pos", Type::Int4),
    Column::new("location", Type::Text),
    Column::new("application_name", Type::Text),
    Column::new("backend_type", Type::Text),
    Column::new("leader_pid", Type::Int4),
    Column::new("query_id", Type::Int8),
];

const LOGGER: Column = Column::new("logger", Type::Text);
const THREAD: Column = Column::new("thread", Type::Text);
const OF_COMPONENT: Column = Column::new("component", Type::Text);

const POSTGRES: [Column; 36] = table(&OF_POSTGRES);

const PATRONI: [Column; 17] = table(&[
    Column::new("error_severity", Type::Severity),
    LOGGER,
    THREAD,
    Column::new("process_id", Type::Int4),
    Column::new("message", Type::Text),
    Column::new("location", Type::Text),
]);

const COMPONENT: [Column; 15] = table(&[
    OF_COMPONENT,
    Column::new("error_severity", Type::Severity),
    Column::new("process_id", Type::Int4),
    Column::new("message", Type::Text),
]);

/// The columns of all tables.
pub(crate) const EVERY: [Column; 40] = {
    let all: [Column; 39] =
        joined(&[&SOURCE, &OF_POSTGRES, &[LOGGER, THREAD], &[OF_COMPONENT], &PLACE]);
    joined(&[&[Column::TABLE], &all])
};

/// A table whose own columns these are.
const fn table<const N: usize>(own: &[Column]) -> [Column; N] {
    joined(&[&SOURCE, own, &PLACE])
}

/// All the parts, whose lengths make `N`.
const fn joined<const N: usize>(parts: &[&[Column]]) -> [Column; N] {
    let mut all = [Column::TABLE; N];
    let (mut part, mut at) = (0, 0);
    while part < parts.len() {
        let mut within = 0;
        while within < parts[part].len() {
            all[at] = parts[part][within];
            within += 1;
            at += 1;
        }
        part += 1;
    }
    assert!(at == N);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    // What a page is ordered by, and `text`, is asked of every table.
    #[test]
    fn every_table_has_the_columns_that_are_asked_of_each() {
        for table in Table::ALL {
            let everywhere = ["log_time", "cluster", "error_severity", "stream", "position"];
            for column in everywhere.iter().chain(texts(table)) {
                assert!(has(table, column), "{column} in {table:?}");
            }
        }
    }

    #[test]
    fn together_they_have_each_column_once_and_of_one_type() {
        for table in Table::ALL {
            for column in columns_of(table) {
                let found: Vec<_> =
                    EVERY.iter().filter(|other| other.name == column.name).collect();
                assert_eq!(found, [column]);
            }
        }
    }
}
