//! Moments and intervals that are known before the query runs: `now() - interval '1 hour'` is a moment, and bound as one.

use chrono::{DateTime, Months, TimeDelta, Utc};

use super::Interval;
use super::operand::name;
use crate::columns::Type;
use crate::expression::Expression;
use crate::sql::Param;
use crate::time;

const OUT_OF_RANGE: &str = "leads to a moment, or an interval, that is out of range";

/// `left + right`, or `left - right`.
pub(super) fn sum(left: Expression, right: Expression, minus: bool) -> Result<Expression, String> {
    use Expression::{Interval as Span, Value};
    let right_signed = |span: Interval| if minus { span.negated() } else { span };
    let folded = match (&left, &right) {
        (Value(Param::Time(moment)), Span(span)) => {
            Some(shifted(*moment, right_signed(*span)).map(|moment| Value(Param::Time(moment))))
        }
        (Span(span), Value(Param::Time(moment))) if !minus => {
            Some(shifted(*moment, *span).map(|moment| Value(Param::Time(moment))))
        }
        (Span(one), Span(other)) => Some(one.plus(right_signed(*other)).map(Span)),
        _ => None,
    };
    if let Some(folded) = folded {
        return folded.ok_or_else(|| OUT_OF_RANGE.to_owned());
    }
    let kind = match (left.kind(), right.kind(), minus) {
        (Type::Time, Type::Interval, _) | (Type::Interval, Type::Time, false) => Type::Time,
        (Type::Time, Type::Time, true) | (Type::Interval, Type::Interval, _) => Type::Interval,
        (left, right, _) => {
            let (operator, left, right) = (if minus { '-' } else { '+' }, name(left), name(right));
            return Err(format!(
                "has {left} {operator} {right}; what there is are moments and intervals"
            ));
        }
    };
    Ok(Expression::binary(if minus { "-" } else { "+" }, kind, left, right))
}

/// Months first, as PostgreSQL has it: from the end of a longer month to the end of a shorter one.
fn shifted(moment: DateTime<Utc>, span: Interval) -> Option<DateTime<Utc>> {
    let months = Months::new(span.months.unsigned_abs());
    let shifted = match span.months < 0 {
        true => moment.checked_sub_months(months)?,
        false => moment.checked_add_months(months)?,
    };
    let shifted = shifted.checked_add_signed(TimeDelta::microseconds(span.micros))?;
    time::can_be_stored(&shifted).then_some(shifted)
}
