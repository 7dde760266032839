//! A statement and what is bound to it. The text is made of constants and parameter numbers; every value is bound.

mod context;
mod counts;
mod facets;
mod failovers;
mod histogram;
mod page;
mod patterns;
mod sample;
mod stored;

pub use context::{Among, Context};
pub use facets::Facets;
pub use failovers::Failovers;
pub use histogram::Histogram;
pub use patterns::Patterns;
pub use stored::Stored;

use chrono::{DateTime, Utc};
use trunkline_record::{StreamId, Table};

use crate::columns::Type;
use crate::{Filter, Order, Place, Slice};

/// A value to bind.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// `timestamptz`
    Time(DateTime<Utc>),
    /// `text`
    Text(String),
    /// `bigint`
    Int(i64),
    /// `double precision`
    Float(f64),
    /// `uuid`
    Stream(StreamId),
}

impl Param {
    pub(crate) const fn kind(&self) -> Type {
        match self {
            Self::Time(_) => Type::Time,
            Self::Text(_) => Type::Text,
            Self::Int(_) | Self::Float(_) => Type::Int8,
            Self::Stream(_) => Type::Uuid,
        }
    }
}

/// A statement and its parameters: `$1` is the first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sql {
    /// The statement.
    pub text: String,
    /// What to bind.
    pub params: Vec<Param>,
}

impl Sql {
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Binds a value and answers its number, as `$1`.
    pub(crate) fn bind(&mut self, param: Param) -> String {
        self.params.push(param);
        format!("${}", self.params.len())
    }

    pub(crate) fn push_param(&mut self, param: Param) {
        let number = self.bind(param);
        self.push(&number);
    }

    /// ` WHERE` a row of the table is in the slice and behind the place, and what else is `conditions`.
    fn restrict(&mut self, scope: &Scope, table: Table, conditions: &Filter) {
        self.push(" WHERE TRUE");
        self.push_scope(scope);
        self.push_conditions(table, conditions);
    }

    fn push_scope(&mut self, scope: &Scope) {
        for (operator, bound) in [(">=", scope.slice.from), ("<", scope.slice.to)] {
            if let Some(moment) = bound {
                self.push(&format!(" AND log_time {operator} "));
                self.push_param(Param::Time(moment));
            }
        }
        if let Some(place) = scope.behind {
            let operator = if scope.order == Order::Desc { "<" } else { ">" };
            let time = self.bind(Param::Time(place.log_time));
            let stream = self.bind(Param::Stream(place.stream));
            let position = self.bind(Param::Int(place.position));
            self.push(&format!(
                " AND (log_time, stream, position) {operator} ({time}, {stream}, {position})"
            ));
        }
    }

    fn push_conditions(&mut self, table: Table, filter: &Filter) {
        for condition in &filter.conditions {
            self.push(" AND ");
            condition.render(table, self);
        }
    }
}

/// Where, in the order that all rows have, the wanted ones are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// In this range of time.
    pub slice: Slice,
    /// Behind this place, in this order.
    pub behind: Option<Place>,
    /// The order.
    pub order: Order,
}

impl Scope {
    /// All of what the filter's range of time leaves behind a place.
    pub fn of(filter: &Filter, behind: Option<Place>, order: Order) -> Self {
        let mut slice = Slice { from: filter.from, to: filter.to };
        if let Some(place) = behind {
            // This follows from the place; it is what leaves out hypertable chunks.
            match order {
                Order::Desc => {
                    let end = place.log_time + chrono::TimeDelta::microseconds(1);
                    slice.to = Some(slice.to.map_or(end, |to| to.min(end)));
                }
                Order::Asc => slice.from = slice.from.max(Some(place.log_time)),
            }
        }
        Self { slice, behind, order }
    }
}

impl Order {
    /// All pages' order, in SQL.
    const fn by(self) -> &'static str {
        match self {
            Self::Desc => " ORDER BY log_time DESC, stream DESC, position DESC",
            Self::Asc => " ORDER BY log_time, stream, position",
        }
    }

    /// The same, in words that no index has.
    const fn by_sorting(self) -> &'static str {
        match self {
            Self::Desc => " ORDER BY log_time + make_interval() DESC, stream DESC, position DESC",
            Self::Asc => " ORDER BY log_time + make_interval(), stream, position",
        }
    }
}
