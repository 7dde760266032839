//! What stands beside an operator, and how two such things fit each other.

use chrono::{DateTime, Utc};
use trunkline_record::StreamId;

use super::Interval;
use crate::columns::Type;
use crate::expression::Expression;
use crate::fields;
use crate::sql::Param;
use crate::time;

/// An operand. A literal has no type of its own: what stands beside it decides, as in SQL.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    /// An expression whose type is known.
    Typed(Expression),
    /// `'…'`
    Text(String),
    /// Digits, with a sign.
    Number(String),
}

impl Operand {
    /// Its type, where it has one of its own.
    pub(super) fn kind(&self) -> Option<Type> {
        match self {
            Self::Typed(expression) => Some(expression.kind()),
            Self::Text(_) | Self::Number(_) => None,
        }
    }

    /// The type of a literal where nothing else says it.
    pub(super) fn natural(&self) -> Type {
        match self {
            Self::Typed(expression) => expression.kind(),
            Self::Text(_) => Type::Text,
            Self::Number(_) => Type::Int8,
        }
    }

    /// As a value that can stand beside one of this type.
    pub(super) fn fit(self, kind: Type, now: DateTime<Utc>) -> Result<Expression, String> {
        let (text, is_number) = match self {
            Self::Typed(expression) if alike(expression.kind(), kind) => return Ok(expression),
            Self::Typed(expression) => {
                let found = name(expression.kind());
                return Err(format!("has {found} where {} is needed", name(kind)));
            }
            Self::Text(text) => (text, false),
            Self::Number(number) => (number, true),
        };
        match kind {
            Type::Text if !is_number => Ok(Expression::Value(Param::Text(text))),
            Type::Text => Err(format!("has a number where a text is needed: '{text}'")),
            Type::Int4 | Type::Int8 => text
                .parse()
                .map(|number| Expression::Value(Param::Int(number)))
                .map_err(|_| "has no whole number of 64 bits where one is needed".to_owned()),
            Type::Time => time::literal(&text, now)
                .map(|moment| Expression::Value(Param::Time(moment)))
                .ok_or_else(|| {
                    "has no moment where one is needed, as '2026-01-31 12:00:00+00' or now() - interval '15 minutes'"
                        .to_owned()
                }),
            Type::Interval => {
                Interval::parse(&text, None).map(Expression::Interval).ok_or_else(|| NO_INTERVAL.to_owned())
            }
            Type::Severity => fields::severity(&text),
            Type::Uuid => text
                .parse()
                .map(|stream: StreamId| Expression::Value(Param::Stream(stream)))
                .map_err(|_| "has no UUID where one is needed".to_owned()),
            Type::Bool | Type::TextArray | Type::Json => {
                Err(format!("has a literal where {} is needed", name(kind)))
            }
        }
    }
}

pub(super) const NO_INTERVAL: &str =
    "has no interval of at most a hundred years where one is needed, as interval '15 minutes'";

/// Whether values of these types can be compared.
pub(super) fn alike(one: Type, other: Type) -> bool {
    let is_int = |kind| matches!(kind, Type::Int4 | Type::Int8);
    one == other || (is_int(one) && is_int(other))
}

/// Whether values of this type have an order, or at least are equal or not.
pub(super) fn can_be_compared(kind: Type, only_equality: bool) -> bool {
    match kind {
        Type::Json | Type::TextArray => false,
        Type::Bool => only_equality,
        _ => true,
    }
}

/// A type, as a person calls it.
pub(super) fn name(kind: Type) -> &'static str {
    match kind {
        Type::Bool => "a condition",
        Type::Text => "a text",
        Type::TextArray => "an array",
        Type::Int4 | Type::Int8 => "a number",
        Type::Time => "a moment",
        Type::Interval => "an interval",
        Type::Severity => "a severity",
        Type::Uuid => "a UUID",
        Type::Json => "JSON",
    }
}
