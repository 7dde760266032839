//! `where=`: a condition in SQL, as a person would write it in psql.
//!
//! It is parsed by `sqlparser`, which reads far more than is allowed here, and then checked by a list of what is allowed: columns of the
//! chosen tables, values, comparisons, `AND`, `OR`, `NOT`, `IN`, `BETWEEN`, `LIKE`, regular expressions, `IS NULL`, a few functions,
//! moments and intervals. What isn't in the list is an error that says where it stands. Nothing of the text is handed on: the
//! checked form is built anew, and its values are bound.

mod check;
mod constant;
mod interval;
mod operand;
mod parse;
mod place;

use chrono::{DateTime, Utc};

pub(crate) use interval::Interval;

use crate::expression::Expression;
use crate::{FilterError, Tables};
use check::Checker;

/// Characters of the longest condition. A parsed tree is taken apart recursively, and a longer text could make it too deep.
const LONGEST: usize = 4_096;

/// Reads a condition over the columns of `tables`.
pub(crate) fn check(
    text: &str,
    tables: Tables,
    now: DateTime<Utc>,
) -> Result<Expression, FilterError> {
    let fail = |mistake: Mistake| FilterError {
        parameter: "where".to_owned(),
        reason: mistake.reason,
        position: mistake.position,
        suggestion: mistake.suggestion,
    };
    if text.chars().count() > LONGEST {
        let reason = format!("is longer than {LONGEST} characters");
        return Err(FilterError::new("where", reason));
    }
    let parsed = parse::parse(text).map_err(fail)?;
    Checker::new(text, tables, now).condition(&parsed).map_err(fail)
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    reason: String,
    position: Option<usize>,
    suggestion: Option<String>,
}
