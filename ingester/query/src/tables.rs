//! Which tables a request is about.

use trunkline_record::Table;

use crate::columns::{Column, EVERY, columns_of};
use crate::{FilterError, Parameters};

/// One table, or all of them as if they were one: a column that a table hasn't is NULL in its rows then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tables {
    /// This one.
    One(Table),
    /// All, their rows merged in one order; each row says which table it is of.
    All,
}

impl Default for Tables {
    fn default() -> Self {
        Self::One(Table::default())
    }
}

impl Tables {
    /// Reads `table`.
    pub fn read(parameters: &mut Parameters<'_>) -> Result<Self, FilterError> {
        let Some(name) = parameters.one("table")? else { return Ok(Self::default()) };
        if name == "all" {
            return Ok(Self::All);
        }
        let table = Table::ALL.into_iter().find(|table| table.name() == name);
        table.map(Self::One).ok_or_else(|| {
            let names = Table::ALL.map(Table::name).join(", ");
            FilterError::new("table", format!("is no table; there are {names}, and all"))
        })
    }

    /// The columns of the answer, in their order.
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::One(table) => columns_of(table),
            Self::All => &EVERY,
        }
    }

    /// The tables.
    pub fn each(self) -> impl Iterator<Item = Table> {
        Table::ALL.into_iter().filter(move |table| self == Self::All || self == Self::One(*table))
    }

    /// The column of this name that a filter may ask for. Whose row it is isn't one: `table` is a parameter.
    pub(crate) fn column(self, name: &str) -> Option<Column> {
        let mut columns = self.columns().iter().copied();
        columns.find(|column| column.name == name && *column != Column::TABLE)
    }

    /// How to call it in an error.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::One(table) => format!("log.{}", table.name()),
            Self::All => "any table".to_owned(),
        }
    }
}
