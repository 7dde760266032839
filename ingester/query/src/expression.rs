//! A condition in its checked form: every column is one of the chosen tables', every value has a type, and both fit where they stand.

use trunkline_record::Severity;

use crate::clause::Interval;
use crate::columns::{Column, Type};
use crate::spelling::spelling;
use crate::sql::Param;
use crate::thinning::{is_worth_a_sample, pieces};

/// An expression whose parts fit each other. It says nothing of the table: a column that a table hasn't is NULL there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    /// A column's value.
    Column(Column),
    /// A value to bind.
    Value(Param),
    /// A span of time.
    Interval(Interval),
    /// One of the closed list.
    Severity(Severity),
    /// `TRUE` or `FALSE`.
    Bool(bool),
    /// A function's result.
    Call(&'static Function, Vec<Expression>),
    /// What stands between the two.
    Binary(&'static str, Type, Box<Expression>, Box<Expression>),
    /// Whether it is one of these.
    In(Box<Expression>, Vec<Expression>),
    /// A test that isn't NULL itself: `IS NULL`, `IS NOT TRUE`, …
    Is(Box<Expression>, &'static str),
    /// As text.
    AsText(Box<Expression>),
    /// Whether it isn't so.
    Not(Box<Expression>),
    /// Whether all are so.
    And(Vec<Expression>),
    /// Whether any is so.
    Or(Vec<Expression>),
    /// Whether one of the table's texts holds this, whatever its case.
    Contains(String),
    /// The same of a text of ASCII that is mostly spelled in this way.
    ContainsSpelled(String, String),
    /// The same of a text of ASCII, in a statement that is to look at each row and to ask no index.
    ContainsByRow(String),
    /// Whether one of the table's texts holds these, one behind the other, whatever their case.
    ContainsPieces(Vec<String>),
    /// Whether one of the table's texts matches this regular expression.
    Matches(String),
}

/// A function that a condition may call.
#[derive(Debug, PartialEq)]
pub(crate) struct Function {
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// What it gives; that of its arguments where they are all of one type.
    pub gives: Option<Type>,
}

/// What a function takes.
#[derive(Debug, PartialEq)]
pub(crate) enum Takes {
    /// Arguments of these types.
    These(&'static [Type]),
    /// One or more, all of the same type.
    Alike,
}

/// The functions, besides `now`, whose value is known before.
pub(crate) const FUNCTIONS: [Function; 7] = [
    Function::of("lower", &[Type::Text], Type::Text),
    Function::of("upper", &[Type::Text], Type::Text),
    Function::of("length", &[Type::Text], Type::Int4),
    Function::of("octet_length", &[Type::Text], Type::Int4),
    Function::of("strpos", &[Type::Text, Type::Text], Type::Int4),
    Function::of("starts_with", &[Type::Text, Type::Text], Type::Bool),
    Function { name: "coalesce", takes: Takes::Alike, gives: None },
];

impl Function {
    const fn of(name: &'static str, takes: &'static [Type], gives: Type) -> Self {
        Self { name, takes: Takes::These(takes), gives: Some(gives) }
    }
}

impl Expression {
    /// Its opposite, where NULL counts as false.
    pub(crate) fn denied(self) -> Self {
        Self::Is(Box::new(self), "IS NOT TRUE")
    }

    pub(crate) fn is(self, test: &'static str) -> Self {
        Self::Is(Box::new(self), test)
    }

    pub(crate) fn binary(operator: &'static str, gives: Type, left: Self, right: Self) -> Self {
        Self::Binary(operator, gives, Box::new(left), Box::new(right))
    }

    /// The type of its value.
    pub(crate) fn kind(&self) -> Type {
        match self {
            Self::Column(column) => column.kind,
            Self::Value(value) => value.kind(),
            Self::Severity(_) => Type::Severity,
            Self::Interval(_) => Type::Interval,
            Self::AsText(_) => Type::Text,
            Self::Binary(_, kind, ..) => *kind,
            Self::Call(function, arguments) => {
                function.gives.or_else(|| arguments.first().map(Self::kind)).unwrap_or(Type::Text)
            }
            Self::Bool(_)
            | Self::In(..)
            | Self::Is(..)
            | Self::Not(_)
            | Self::And(_)
            | Self::Or(_)
            | Self::Contains(_)
            | Self::ContainsSpelled(..)
            | Self::ContainsByRow(_)
            | Self::ContainsPieces(_)
            | Self::Matches(_) => Type::Bool,
        }
    }

    /// Adds the names of the columns that its value depends on; `false` if it looks at all texts of a row.
    pub(crate) fn columns(&self, names: &mut Vec<&'static str>) -> bool {
        match self {
            Self::Column(column) => {
                names.push(column.name);
                true
            }
            Self::Contains(_)
            | Self::ContainsSpelled(..)
            | Self::ContainsByRow(_)
            | Self::ContainsPieces(_)
            | Self::Matches(_) => false,
            Self::Value(_) | Self::Interval(_) | Self::Severity(_) | Self::Bool(_) => true,
            Self::Binary(_, _, left, right) => left.columns(names) && right.columns(names),
            Self::Call(_, parts) | Self::And(parts) | Self::Or(parts) => {
                parts.iter().all(|part| part.columns(names))
            }
            Self::In(one, list) => {
                one.columns(names) && list.iter().all(|item| item.columns(names))
            }
            Self::Is(one, _) | Self::AsText(one) | Self::Not(one) => one.columns(names),
        }
    }

    /// Told row by row, where that is sooner.
    pub(crate) fn by_row(self) -> Self {
        match self {
            Self::Contains(text) if text.is_ascii() => Self::ContainsByRow(text),
            Self::Is(one, test) => Self::Is(Box::new(one.by_row()), test),
            other => other,
        }
    }

    pub(crate) fn can_be_thinned(&self) -> bool {
        matches!(self, Self::Contains(text) if is_worth_a_sample(text))
    }

    /// Asked of an index by some pieces of its text, and by all of it of the rows that have those, where a sample says that this is sooner.
    pub(crate) fn thinned(self, sample: &[String]) -> Self {
        let Self::Contains(text) = &self else { return self };
        let Some(pieces) = pieces(text, sample) else { return self };
        let pieces = pieces.into_iter().map(str::to_owned).collect();
        Self::And(vec![Self::ContainsPieces(pieces), self.by_row()])
    }

    /// Compared first as a sample says that its text is mostly spelled; `None` where none of the sample has it.
    pub(crate) fn spelled(&self, sample: &[String]) -> Option<Self> {
        let Self::Contains(text) = self else { return None };
        let spelling = spelling(text, sample)?;
        Some(Self::ContainsSpelled(text.clone(), spelling.to_owned()))
    }

    /// Whether a text is searched for a part of it, or by a pattern, anywhere in it.
    pub(crate) fn searches_text(&self) -> bool {
        match self {
            Self::Contains(_)
            | Self::ContainsSpelled(..)
            | Self::ContainsByRow(_)
            | Self::ContainsPieces(_)
            | Self::Matches(_) => true,
            Self::Binary(operator, ..) if operator.ends_with("LIKE") || operator.contains('~') => {
                true
            }
            Self::Binary(_, _, left, right) => left.searches_text() || right.searches_text(),
            Self::Column(_)
            | Self::Value(_)
            | Self::Interval(_)
            | Self::Severity(_)
            | Self::Bool(_) => false,
            Self::Call(_, parts) | Self::And(parts) | Self::Or(parts) => {
                parts.iter().any(Self::searches_text)
            }
            Self::In(one, _) | Self::Is(one, _) | Self::AsText(one) | Self::Not(one) => {
                one.searches_text()
            }
        }
    }
}
