//! The most frequent values of columns.

use super::{Scope, Sql};
use crate::columns::{Column, Type, has};
use crate::nearest::nearest;
use crate::render::type_name;
use crate::sql::Param;
use crate::{FIELDS, Filter, FilterError, Order, Parameters, Slice, Tables};

/// Which columns' values are counted, and how many of each are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facets {
    pub(super) columns: Vec<Column>,
    pub(super) limit: u32,
}

/// Values of a column when nothing else is asked for.
const DEFAULT_LIMIT: u32 = 10;
/// Values of a column at most.
const MAX_LIMIT: u32 = 1_000;
/// Columns at most: each is a grouping of its own, whose values the server holds.
const MAX_COLUMNS: usize = 16;

impl Facets {
    /// Reads `field`, the name of a column or of its parameter, once or more; and `limit`.
    pub fn read(tables: Tables, parameters: &mut Parameters<'_>) -> Result<Self, FilterError> {
        let mut columns = Vec::new();
        for name in parameters.many("field") {
            let field = FIELDS.iter().find(|field| field.name == name);
            let name = field.map_or(name, |field| field.column);
            let column = tables.column(name).filter(|column| can_be_counted(*column));
            let column = column.ok_or_else(|| unknown(tables, name))?;
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        if columns.is_empty() || columns.len() > MAX_COLUMNS {
            let reason = format!("is to be given, from 1 to {MAX_COLUMNS} times");
            return Err(FilterError::new("field", reason));
        }
        let limit = parameters.read("limit", |value| {
            let number = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
            number.ok_or_else(|| format!("is no number from 1 to {MAX_LIMIT}"))
        })?;
        Ok(Self { columns, limit: limit.unwrap_or(DEFAULT_LIMIT) })
    }

    /// Those whose values the store's counts have for all of this filter, by their numbers.
    pub fn counted(&self, filter: &Filter) -> Vec<usize> {
        let is_counted =
            |at: &usize| filter.tables.are_counted(filter, Some(self.columns[*at].name));
        (0..self.columns.len()).filter(is_counted).collect()
    }

    /// Only those with these numbers.
    pub fn only(&self, which: &[usize]) -> Self {
        let columns = which.iter().filter_map(|at| self.columns.get(*at).copied());
        Self { columns: columns.collect(), limit: self.limit }
    }

    /// How many values of each are shown.
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// The columns, in their order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }
}

/// Whose values say something when they are counted.
fn can_be_counted(column: Column) -> bool {
    !matches!(column.kind, Type::Time | Type::Json | Type::TextArray)
}

fn unknown(tables: Tables, name: &str) -> FilterError {
    let names = tables.columns().iter().filter(|column| can_be_counted(**column));
    FilterError {
        suggestion: nearest(name, names.map(|column| column.name)),
        ..FilterError::new(
            "field",
            format!("is no column of {} whose values can be counted", tables.describe()),
        )
    }
}

impl Sql {
    /// `facet, value, count, distinct_values`: the number of the column from 0, its most frequent values first. All columns are counted in
    /// one pass over the rows.
    pub fn facets(filter: &Filter, facets: &Facets) -> Self {
        let mut sql = Self::default();
        let limit = sql.bind(Param::Int(facets.limit.into()));
        sql.push("SELECT facet, value, count, distinct_values FROM (SELECT *, ");
        sql.push("row_number() OVER (PARTITION BY facet ORDER BY count DESC, value) AS rank, ");
        sql.push("count(*) OVER (PARTITION BY facet) AS distinct_values FROM (");
        sql.push_facet_values(filter, facets, &Scope::of(filter, None, Order::default()));
        sql.push(&format!(") AS counted) AS ranked WHERE rank <= {limit} ORDER BY facet, rank"));
        sql
    }

    /// `facet, value, count` of a part of the filter's range of time, so many of them at most, in no order.
    pub fn facet_values(filter: &Filter, facets: &Facets, slice: Slice, most: u32) -> Self {
        let mut sql = Self::default();
        let most = sql.bind(Param::Int(most.into()));
        let scope = Scope { slice, ..Scope::of(filter, None, Order::default()) };
        sql.push_facet_values(filter, facets, &scope);
        sql.push(&format!(" LIMIT {most}"));
        sql
    }

    fn push_facet_values(&mut self, filter: &Filter, facets: &Facets, scope: &Scope) {
        let numbers = || (0..facets.columns.len()).map(|at| format!("c{at}"));
        let each = |of: &dyn Fn(String) -> String| numbers().map(of).collect::<Vec<_>>().join(", ");
        match facets.columns.len() {
            // Which several processes of the server can share.
            1 => self.push("SELECT 0 AS facet, c0::text AS value, count(*) AS count FROM ("),
            _ => {
                // A column that isn't grouped by is NULL, so there is one value at most.
                self.push(&format!(
                    "SELECT array_position(ARRAY[{}], 0) - 1 AS facet, coalesce({}) AS value, count(*) AS count FROM (",
                    each(&|c| format!("GROUPING({c})")),
                    each(&|c| format!("{c}::text"))
                ));
            }
        }
        for (at, table) in filter.tables.each().enumerate() {
            self.push(if at == 0 { "SELECT " } else { " UNION ALL SELECT " });
            for (number, column) in facets.columns.iter().enumerate() {
                self.push(if number == 0 { "" } else { ", " });
                match has(table, column.name) {
                    true => self.push(column.name),
                    false => self.push(&format!("NULL::{}", type_name(column.kind))),
                }
                self.push(&format!(" AS c{number}"));
            }
            self.push(&format!(" FROM log.{}", table.name()));
            self.restrict(scope, table, filter);
        }
        match facets.columns.len() {
            1 => self.push(") AS every GROUP BY c0"),
            _ => {
                let sets = each(&|c| format!("({c})"));
                self.push(&format!(") AS every GROUP BY GROUPING SETS ({sets})"));
            }
        }
    }
}
