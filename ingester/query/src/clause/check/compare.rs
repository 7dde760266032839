//! Comparisons and tests: what makes a condition.

use sqlparser::ast::{BinaryOperator as Op, Expr};

use super::super::operand::{Operand, can_be_compared, name};
use super::{Checker, Mistake};
use crate::columns::Type;
use crate::expression::Expression;
use crate::sql::Param;

impl Checker<'_> {
    /// An operator with something on either side.
    pub(super) fn binary(
        &self,
        expr: &Expr,
        left: &Expr,
        op: &Op,
        right: &Expr,
    ) -> Result<Expression, Mistake> {
        let operator = match op {
            Op::Eq => "=",
            Op::NotEq => "<>",
            Op::Lt => "<",
            Op::LtEq => "<=",
            Op::Gt => ">",
            Op::GtEq => ">=",
            Op::Plus => return self.sum(expr, left, right, false),
            Op::Minus => return self.sum(expr, left, right, true),
            Op::PGRegexMatch => return self.pattern("~", left, right),
            Op::PGRegexIMatch => return self.pattern("~*", left, right),
            Op::PGRegexNotMatch => return self.pattern("!~", left, right),
            Op::PGRegexNotIMatch => return self.pattern("!~*", left, right),
            Op::PGLikeMatch => return self.pattern("LIKE", left, right),
            Op::PGILikeMatch => return self.pattern("ILIKE", left, right),
            Op::PGNotLikeMatch => return self.pattern("NOT LIKE", left, right),
            Op::PGNotILikeMatch => return self.pattern("NOT ILIKE", left, right),
            Op::LongArrow => return self.member(left, right),
            _ => {
                return Err(self.mistake(expr, format!("has an operator that isn't allowed: {op}")));
            }
        };
        self.compared(operator, (left, self.operand(left)?), (right, self.operand(right)?))
    }

    /// Every other test.
    pub(super) fn test(&self, expr: &Expr) -> Result<Expression, Mistake> {
        let truth = |inner: &Expr, test| Ok(self.condition(inner)?.is(test));
        match expr {
            Expr::IsNull(inner) => self.is_null(inner, "IS NULL"),
            Expr::IsNotNull(inner) => self.is_null(inner, "IS NOT NULL"),
            Expr::IsTrue(inner) => truth(inner, "IS TRUE"),
            Expr::IsNotTrue(inner) => truth(inner, "IS NOT TRUE"),
            Expr::IsFalse(inner) => truth(inner, "IS FALSE"),
            Expr::IsNotFalse(inner) => truth(inner, "IS NOT FALSE"),
            Expr::IsUnknown(inner) => truth(inner, "IS UNKNOWN"),
            Expr::IsNotUnknown(inner) => truth(inner, "IS NOT UNKNOWN"),
            Expr::IsDistinctFrom(left, right) => self.compared(
                "IS DISTINCT FROM",
                (left, self.operand(left)?),
                (right, self.operand(right)?),
            ),
            Expr::IsNotDistinctFrom(left, right) => self.compared(
                "IS NOT DISTINCT FROM",
                (left, self.operand(left)?),
                (right, self.operand(right)?),
            ),
            Expr::Between { expr, negated, low, high } => {
                let between = self.operand(expr)?;
                let from =
                    self.compared(">=", (expr, between.clone()), (low, self.operand(low)?))?;
                let to = self.compared("<=", (expr, between), (high, self.operand(high)?))?;
                Ok(denied(Expression::And(vec![from, to]), *negated))
            }
            Expr::InList { expr, list, negated } => Ok(denied(self.in_list(expr, list)?, *negated)),
            Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                self.pattern(if *negated { "NOT LIKE" } else { "LIKE" }, expr, pattern)
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char: None } => {
                self.pattern(if *negated { "NOT ILIKE" } else { "ILIKE" }, expr, pattern)
            }
            Expr::Like { .. } | Expr::ILike { .. } => {
                Err(self.mistake(expr, "has LIKE with ESCAPE or ANY; what escapes is a backslash"))
            }
            Expr::InSubquery { .. } | Expr::Exists { .. } | Expr::Subquery(_) => {
                Err(self.mistake(expr, "has a subquery, and a condition is about one row"))
            }
            _ => Err(self.mistake(expr, "has something that isn't allowed in a condition")),
        }
    }

    fn compared(
        &self,
        operator: &'static str,
        (left_expr, left): (&Expr, Operand),
        (right_expr, right): (&Expr, Operand),
    ) -> Result<Expression, Mistake> {
        // A literal is what its neighbour is; two literals are texts, unless both are numbers.
        let kind = left.kind().or(right.kind()).unwrap_or_else(|| {
            if left.natural() == right.natural() { left.natural() } else { Type::Text }
        });
        let only_equality = !operator.starts_with(['<', '>']) || operator == "<>";
        if !can_be_compared(kind, only_equality) {
            let reason = format!("compares {}, which {operator} can't", name(kind));
            return Err(self.mistake(left_expr, reason));
        }
        let fit = |expr, side: Operand| {
            side.fit(kind, self.now).map_err(|reason| self.mistake(expr, reason))
        };
        let (left, right) = (fit(left_expr, left)?, fit(right_expr, right)?);
        Ok(Expression::binary(operator, Type::Bool, left, right))
    }

    fn in_list(&self, expr: &Expr, list: &[Expr]) -> Result<Expression, Mistake> {
        let one = self.operand(expr)?;
        let kind = one.natural();
        if !can_be_compared(kind, true) {
            return Err(self.mistake(expr, format!("compares {}, which IN can't", name(kind))));
        }
        let fit = |expr: &Expr, operand: Operand| {
            operand.fit(kind, self.now).map_err(|reason| self.mistake(expr, reason))
        };
        let these = list.iter().map(|item| fit(item, self.operand(item)?));
        let these = these.collect::<Result<Vec<_>, _>>()?;
        if these.is_empty() {
            return Err(self.mistake(expr, "has an empty list"));
        }
        Ok(Expression::In(Box::new(fit(expr, one)?), these))
    }

    fn is_null(&self, inner: &Expr, test: &'static str) -> Result<Expression, Mistake> {
        match self.operand(inner)? {
            Operand::Typed(expression) => Ok(expression.is(test)),
            _ => Err(self.mistake(inner, "asks whether a literal is NULL")),
        }
    }

    /// A text and a pattern, which is a literal: one from a row could be malformed, and end the query at that row.
    fn pattern(
        &self,
        operator: &'static str,
        text: &Expr,
        pattern: &Expr,
    ) -> Result<Expression, Mistake> {
        let left = self
            .operand(text)?
            .fit(Type::Text, self.now)
            .map_err(|reason| self.mistake(text, reason))?;
        let Operand::Text(right) = self.operand(pattern)? else {
            return Err(self.mistake(pattern, "has a pattern that is no literal"));
        };
        let backslashes = right.bytes().rev().take_while(|&byte| byte == b'\\').count();
        if operator.ends_with("LIKE") && backslashes % 2 == 1 {
            return Err(self.mistake(pattern, "has a pattern that ends in a single backslash"));
        }
        Ok(Expression::binary(operator, Type::Bool, left, Expression::Value(Param::Text(right))))
    }

    /// `extra ->> 'key'`
    fn member(&self, object: &Expr, key: &Expr) -> Result<Expression, Mistake> {
        let left = self
            .operand(object)?
            .fit(Type::Json, self.now)
            .map_err(|reason| self.mistake(object, reason))?;
        let Operand::Text(right) = self.operand(key)? else {
            return Err(self.mistake(key, "has a key that is no text"));
        };
        Ok(Expression::binary("->>", Type::Text, left, Expression::Value(Param::Text(right))))
    }
}

fn denied(condition: Expression, negated: bool) -> Expression {
    if negated { Expression::Not(Box::new(condition)) } else { condition }
}
