//! How frequent a text is, and what texts there are, by a look at a few rows.

use super::{Param, Scope, Sql};
use crate::columns::texts;
use crate::{Filter, Order, Slice, Tables};

/// Characters of a text that is looked at: statements of a megabyte are no rarity.
const CHARACTERS: usize = 1_000;

impl Sql {
    /// `looked, found` for each table: of the newest rows in a range of time, so many at most, how many there are, and how many have the
    /// texts that the filter searches, whatever else it asks for.
    pub fn sample(filter: &Filter, slice: Slice, most: u32) -> Self {
        let mut sql = Self::default();
        let most = sql.bind(Param::Int(most.into()));
        let scope = Scope { slice, behind: None, order: Order::Desc };
        sql.merged(filter.tables, |sql, table| {
            sql.push("SELECT count(*) AS looked, count(*) FILTER (WHERE TRUE");
            for condition in filter.conditions.iter().filter(|one| one.searches_text()) {
                sql.push(" AND ");
                condition.render(table, sql);
            }
            sql.push(&format!(") AS found FROM (SELECT * FROM log.{} WHERE TRUE", table.name()));
            sql.push_scope(&scope);
            sql.order(&scope, Some(&most));
            sql.push(") AS newest");
        });
        sql
    }

    /// `text`: those of each table's newest rows in a range of time, so many rows at most, as far as their beginnings go.
    pub fn texts(tables: Tables, slice: Slice, most: u32) -> Self {
        let mut sql = Self::default();
        let most = sql.bind(Param::Int(most.into()));
        let scope = Scope { slice, behind: None, order: Order::Desc };
        sql.merged(tables, |sql, table| {
            let columns = texts(table).join(", ");
            sql.push(&format!("SELECT left(text, {CHARACTERS}) AS text FROM (SELECT {columns} FROM log.{} WHERE TRUE", table.name()));
            sql.push_scope(&scope);
            sql.order(&scope, Some(&most));
            sql.push(&format!(") AS newest, unnest(ARRAY[{columns}]) AS text WHERE text IS NOT NULL"));
        });
        sql
    }
}
