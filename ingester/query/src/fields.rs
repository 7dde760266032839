//! The typed parameters: `user=app`, `user!=app`, `user=` (no user), each repeatable.

use trunkline_record::Table;

use crate::columns::{Column, Type, has};
use crate::expression::Expression;
use crate::sql::Param;
use crate::{FilterError, Parameters, Tables};

/// A parameter that compares one column. Several values are alternatives; an empty one is NULL.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its name when it is denied: `user!=app` in a URL is `app` of the parameter `user!`.
    pub denied: &'static str,
    /// The column that it compares.
    pub column: &'static str,
    /// What stands between the column and the value.
    operator: &'static str,
}

macro_rules! fields {
    ($($name:literal, $column:literal, $operator:literal;)*) => {
        [$(Field { name: $name, denied: concat!($name, "!"), column: $column, operator: $operator },)*]
    };
}

/// All of them.
pub const FIELDS: [Field; 15] = fields! {
    "namespace", "namespace", "=";
    "cluster", "cluster", "=";
    "pod", "pod", "=";
    "role", "role", "=";
    "severity", "error_severity", "=";
    "min_severity", "error_severity", ">=";
    "user", "user_name", "=";
    "database", "database_name", "=";
    "application", "application_name", "=";
    "backend_type", "backend_type", "=";
    "sqlstate", "sql_state_code", "=";
    "pid", "process_id", "=";
    "session", "session_id", "=";
    "query_id", "query_id", "=";
    "component", "component", "=";
};

impl Field {
    /// The conditions that the request sets by this parameter.
    pub(crate) fn read(
        &self,
        tables: Tables,
        parameters: &mut Parameters<'_>,
    ) -> Result<Vec<Expression>, FilterError> {
        let mut conditions = Vec::new();
        for (name, denied) in [(self.name, false), (self.denied, true)] {
            let values = parameters.many(name);
            if values.is_empty() {
                continue;
            }
            let error = |reason| FilterError::new(name, reason);
            let column = tables.column(self.column).ok_or_else(|| error(self.elsewhere(tables)))?;
            let any = self.any_of(column, &values).map_err(error)?;
            // What isn't so, or isn't known: rows without a user aren't this user's.
            conditions.push(if denied { any.denied() } else { any });
        }
        Ok(conditions)
    }

    fn any_of(&self, column: Column, values: &[&str]) -> Result<Expression, String> {
        let mut known = Vec::new();
        for value in values.iter().filter(|value| !value.is_empty()) {
            known.push(read_value(column.kind, value)?);
        }
        let is_null = values.contains(&"").then(|| Expression::Column(column).is("IS NULL"));
        let mut any: Vec<_> = match (self.operator, known.is_empty()) {
            (_, true) => Vec::new(),
            ("=", false) => vec![Expression::In(Box::new(Expression::Column(column)), known)],
            (operator, false) => known
                .into_iter()
                .map(|value| {
                    Expression::binary(operator, Type::Bool, Expression::Column(column), value)
                })
                .collect(),
        };
        any.extend(is_null);
        Ok(Expression::Or(any))
    }

    fn elsewhere(&self, tables: Tables) -> String {
        let having: Vec<_> = Table::ALL
            .into_iter()
            .filter(|table| has(*table, self.column))
            .map(|table| format!("table={}", table.name()))
            .collect();
        format!(
            "compares {}, which {} hasn't; {} has, and table=all takes it for empty elsewhere",
            self.column,
            tables.describe(),
            having.join(", ")
        )
    }
}

/// A value of a column of this type, as a request writes it without quotes.
pub(crate) fn read_value(kind: Type, value: &str) -> Result<Expression, String> {
    match kind {
        Type::Text => Ok(Expression::Value(Param::Text(value.to_owned()))),
        Type::Severity => severity(value),
        Type::Int4 => value
            .parse::<i32>()
            .map(|number| Expression::Value(Param::Int(number.into())))
            .map_err(|_| "is no number of 32 bits".to_owned()),
        Type::Int8 => value
            .parse()
            .map(|number| Expression::Value(Param::Int(number)))
            .map_err(|_| "is no number of 64 bits".to_owned()),
        _ => Err("can't be compared".to_owned()),
    }
}

/// A severity by its name.
pub(crate) fn severity(value: &str) -> Result<Expression, String> {
    use trunkline_record::Severity;
    value.parse().map(Expression::Severity).map_err(|_| {
        let names: Vec<_> = Severity::ALL.iter().map(|severity| severity.as_str()).collect();
        format!("is no severity; there are {}", names.join(", "))
    })
}
