//! The columns of each table: what a row of the answer has, and where `text` looks.

use trunkline_record::Table;

/// How a column comes out of the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
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
    /// `uuid`
    Uuid,
    /// `jsonb`
    Json,
}

/// A column's name and type.
type Column = (&'static str, Type);

/// The columns of the answer, in their order.
pub const fn columns(table: Table) -> &'static [Column] {
    match table {
        Table::Postgres => &POSTGRES,
        Table::Patroni => &PATRONI,
        Table::Component => &COMPONENT,
    }
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
    ("log_time", Type::Time),
    ("namespace", Type::Text),
    ("cluster", Type::Text),
    ("pod", Type::Text),
    ("container", Type::Text),
    ("node", Type::Text),
    ("role", Type::Text),
];

/// … and ends with.
const PLACE: [Column; 4] = [
    ("stream", Type::Uuid),
    ("position", Type::Int8),
    ("escaped", Type::TextArray),
    ("extra", Type::Json),
];

const POSTGRES: [Column; 36] = table([
    ("user_name", Type::Text),
    ("database_name", Type::Text),
    ("process_id", Type::Int4),
    ("connection_from", Type::Text),
    ("session_id", Type::Text),
    ("session_line_num", Type::Int8),
    ("command_tag", Type::Text),
    ("session_start_time", Type::Time),
    ("virtual_transaction_id", Type::Text),
    ("transaction_id", Type::Int8),
    ("error_severity", Type::Text),
    ("sql_state_code", Type::Text),
    ("message", Type::Text),
    ("detail", Type::Text),
    ("hint", Type::Text),
    ("internal_query", Type::Text),
    ("internal_query_pos", Type::Int4),
    ("context", Type::Text),
    ("query", Type::Text),
    ("query_pos", Type::Int4),
    ("location", Type::Text),
    ("application_name", Type::Text),
    ("backend_type", Type::Text),
    ("leader_pid", Type::Int4),
    ("query_id", Type::Int8),
]);

const PATRONI: [Column; 17] = table([
    ("error_severity", Type::Text),
    ("logger", Type::Text),
    ("thread", Type::Text),
    ("process_id", Type::Int4),
    ("message", Type::Text),
    ("location", Type::Text),
]);

const COMPONENT: [Column; 15] = table([
    ("component", Type::Text),
    ("error_severity", Type::Text),
    ("process_id", Type::Int4),
    ("message", Type::Text),
]);

/// A table whose own columns these are. `N` is what they make with those of every table.
const fn table<const OWN: usize, const N: usize>(own: [Column; OWN]) -> [Column; N] {
    assert!(N == SOURCE.len() + OWN + PLACE.len());
    let mut all = [SOURCE[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < SOURCE.len() {
            SOURCE[at]
        } else if at < SOURCE.len() + OWN {
            own[at - SOURCE.len()]
        } else {
            PLACE[at - SOURCE.len() - OWN]
        };
        at += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    // A parameter over a column that a table hasn't would have to be refused for that table. So far each has all of them.
    #[test]
    fn every_table_has_the_columns_that_a_filter_can_ask_for() {
        for table in Table::ALL {
            let names: Vec<_> = columns(table).iter().map(|(name, _)| *name).collect();
            let everywhere = ["log_time", "cluster", "error_severity", "stream", "position"];
            for column in everywhere.iter().chain(texts(table)) {
                assert!(names.contains(column), "{column} in {table:?}");
            }
        }
    }
}
