//! Rows that were stored together, named by their positions.

use trunkline_record::{StreamId, Table};

use super::{Param, Scope, Sql};
use crate::Filter;

/// Rows of a table: those of a stream from one position to below another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The table.
    pub table: Table,
    /// The stream.
    pub stream: StreamId,
    /// The first position.
    pub begins: i64,
    /// Behind the last.
    pub ends: i64,
}

impl Sql {
    /// The filter's rows among those stored, in their order, `limit` of them at most.
    pub fn stored(filter: &Filter, scope: &Scope, stored: &[Stored], limit: u32) -> Self {
        let mut sql = Self::default();
        let limit = sql.bind(Param::Int(limit.into()));
        sql.merged(filter.tables, |sql, table| {
            sql.select(filter.tables, table);
            sql.push_stored(filter, scope, stored, table);
            sql.order(scope, Some(&limit));
        });
        if filter.tables == crate::Tables::All {
            sql.order(scope, Some(&limit));
        }
        sql
    }

    /// `count`: how many of the filter's rows are among those stored.
    pub fn count_stored(filter: &Filter, scope: &Scope, stored: &[Stored]) -> Self {
        let mut sql = Self::default();
        sql.push("SELECT sum(count)::bigint AS count FROM (");
        for (at, table) in filter.tables.each().enumerate() {
            sql.push(if at == 0 { "" } else { " UNION ALL " });
            sql.push("SELECT count(*) AS count FROM ");
            sql.push_stored(filter, scope, stored, table);
        }
        sql.push(") AS every");
        sql
    }

    fn push_stored(&mut self, filter: &Filter, scope: &Scope, stored: &[Stored], table: Table) {
        self.push(&format!("log.{}", table.name()));
        self.restrict(scope, table, filter);
        let of_table = || stored.iter().filter(|stored| stored.table == table);
        let [streams, begins, ends] = [
            array(of_table().map(|stored| stored.stream.to_string())),
            array(of_table().map(|stored| stored.begins.to_string())),
            array(of_table().map(|stored| stored.ends.to_string())),
        ]
        .map(|array| self.bind(Param::Text(array)));
        self.push(&format!(
            " AND EXISTS (SELECT FROM unnest({streams}::uuid[], {begins}::bigint[], {ends}::bigint[]) \
             AS stored (of_stream, begins, ends) WHERE of_stream = stream AND position >= begins AND position < ends)"
        ));
    }
}

/// As PostgreSQL reads an array of what needs no quotes.
fn array(values: impl Iterator<Item = String>) -> String {
    format!("{{{}}}", values.collect::<Vec<_>>().join(","))
}
