//! The parser's tree as a checked expression: what isn't in the list here isn't allowed.

mod call;
mod compare;

use std::cell::Cell;

use chrono::{DateTime, Utc};
use sqlparser::ast::{BinaryOperator, DataType, Expr, Ident, Spanned, UnaryOperator, Value};

use super::operand::{NO_INTERVAL, Operand, name};
use super::{Interval, Mistake, constant, place};
use crate::Tables;
use crate::columns::Type;
use crate::expression::Expression;
use crate::nearest::nearest;
use crate::sql::Param;

/// Operators within one another. The parser bounds those in parentheses; a sum of a thousand parts is as deep as it is long.
const DEPTH: usize = 32;

/// Checks one condition.
pub(super) struct Checker<'a> {
    text: &'a str,
    tables: Tables,
    now: DateTime<Utc>,
    depth: Cell<usize>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(text: &'a str, tables: Tables, now: DateTime<Utc>) -> Self {
        Self { text, tables, now, depth: Cell::new(0) }
    }

    /// An expression that is true or not.
    pub(super) fn condition(&self, expr: &Expr) -> Result<Expression, Mistake> {
        match self.operand(expr)? {
            Operand::Typed(condition) if condition.kind() == Type::Bool => Ok(condition),
            other => {
                let found = name(other.natural());
                Err(self.mistake(expr, format!("has {found} where a condition is needed")))
            }
        }
    }

    fn mistake(&self, expr: &Expr, reason: impl Into<String>) -> Mistake {
        let position = place::of_span(self.text, expr.span());
        Mistake { reason: reason.into(), position, suggestion: None }
    }

    fn operand(&self, expr: &Expr) -> Result<Operand, Mistake> {
        let depth = self.depth.get();
        if depth == DEPTH {
            let reason = "is too deeply nested".to_owned();
            return Err(Mistake { reason, position: None, suggestion: None });
        }
        self.depth.set(depth + 1);
        let operand = self.operand_of_any_kind(expr);
        self.depth.set(depth);
        operand
    }

    fn operand_of_any_kind(&self, expr: &Expr) -> Result<Operand, Mistake> {
        let expression = match expr {
            Expr::Nested(inner) => return self.operand(inner),
            Expr::Value(value) => return self.literal(expr, &value.value),
            Expr::Identifier(name) => self.column(expr, name)?,
            Expr::CompoundIdentifier(_) => {
                return Err(self.mistake(expr, "names columns without their table"));
            }
            Expr::Interval(interval) => self.interval(expr, interval)?,
            Expr::TypedString(typed) => {
                let operand = self.literal(expr, &typed.value.value)?;
                self.cast(expr, operand, &typed.data_type)?
            }
            Expr::Cast { expr: inner, data_type, format: None, .. } => {
                self.cast(expr, self.operand(inner)?, data_type)?
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                Expression::Not(Box::new(self.condition(expr)?))
            }
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => return self.negated(inner),
            Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => {
                self.joined(expr, op)?
            }
            Expr::BinaryOp { left, op, right } => self.binary(expr, left, op, right)?,
            Expr::Function(function) => self.call(expr, function)?,
            _ => return self.test(expr).map(Operand::Typed),
        };
        Ok(Operand::Typed(expression))
    }

    /// `a AND b AND c`, however many: the parser nests them to the left, one level each.
    fn joined(&self, expr: &Expr, operator: &BinaryOperator) -> Result<Expression, Mistake> {
        let (mut parts, mut rest) = (Vec::new(), expr);
        while let Expr::BinaryOp { left, op, right } = rest
            && op == operator
        {
            parts.push(&**right);
            rest = left;
        }
        parts.push(rest);
        let parts = parts.into_iter().rev().map(|part| self.condition(part));
        let parts = parts.collect::<Result<_, _>>()?;
        Ok(match operator {
            BinaryOperator::And => Expression::And(parts),
            _ => Expression::Or(parts),
        })
    }

    fn literal(&self, expr: &Expr, value: &Value) -> Result<Operand, Mistake> {
        let text = match value {
            Value::Number(digits, _) => return Ok(Operand::Number(digits.clone())),
            Value::Boolean(value) => return Ok(Operand::Typed(Expression::Bool(*value))),
            Value::SingleQuotedString(text)
            | Value::EscapedStringLiteral(text)
            | Value::UnicodeStringLiteral(text) => text,
            Value::DollarQuotedString(dollar) => &dollar.value,
            Value::Null => {
                return Err(self.mistake(expr, "has NULL; what is asked is IS NULL"));
            }
            _ => return Err(self.mistake(expr, "has a value of a kind that isn't allowed")),
        };
        // An escape can make one, and no text can hold it.
        if text.contains('\0') {
            return Err(self.mistake(expr, "has a text with a NUL, and no row does"));
        }
        Ok(Operand::Text(text.clone()))
    }

    fn column(&self, expr: &Expr, ident: &Ident) -> Result<Expression, Mistake> {
        let name = match ident.quote_style {
            None => ident.value.to_lowercase(),
            Some(_) => ident.value.clone(),
        };
        if let Some(column) = self.tables.column(&name) {
            return Ok(Expression::Column(column));
        }
        let reason = format!("names no column of {}: {name:?}", self.tables.describe());
        Err(Mistake { suggestion: self.nearest_column(&name), ..self.mistake(expr, reason) })
    }

    fn nearest_column(&self, name: &str) -> Option<String> {
        let columns = self.tables.columns().iter().map(|column| column.name);
        nearest(name, columns.filter(|name| self.tables.column(name).is_some()))
    }

    fn interval(
        &self,
        expr: &Expr,
        interval: &sqlparser::ast::Interval,
    ) -> Result<Expression, Mistake> {
        let text = match self.operand(&interval.value)? {
            Operand::Text(text) | Operand::Number(text) => text,
            Operand::Typed(_) => return Err(self.mistake(expr, NO_INTERVAL)),
        };
        let unit = interval.leading_field.as_ref().map(ToString::to_string);
        let is_plain = interval.last_field.is_none()
            && interval.leading_precision.is_none()
            && interval.fractional_seconds_precision.is_none();
        Interval::parse(&text, unit.as_deref())
            .filter(|_| is_plain)
            .map(Expression::Interval)
            .ok_or_else(|| self.mistake(expr, NO_INTERVAL))
    }

    fn negated(&self, inner: &Expr) -> Result<Operand, Mistake> {
        match self.operand(inner)? {
            Operand::Number(digits) if !digits.starts_with('-') => {
                Ok(Operand::Number(format!("-{digits}")))
            }
            Operand::Typed(Expression::Interval(interval)) => {
                Ok(Operand::Typed(Expression::Interval(interval.negated())))
            }
            _ => Err(self.mistake(inner, "has a minus before what is no number")),
        }
    }

    fn cast(&self, expr: &Expr, operand: Operand, to: &DataType) -> Result<Expression, Mistake> {
        let to = to.to_string().to_lowercase();
        let kind = match to.as_str() {
            "text" | "varchar" | "character varying" => Type::Text,
            "int" | "integer" | "int4" => Type::Int4,
            "bigint" | "int8" => Type::Int8,
            "timestamptz" | "timestamp with time zone" | "timestamp" | "date" => Type::Time,
            "interval" => Type::Interval,
            "uuid" => Type::Uuid,
            "severity" | "log.severity" => Type::Severity,
            _ => return Err(self.mistake(expr, "casts to a type that isn't allowed")),
        };
        match operand {
            Operand::Typed(Expression::Column(column))
                if kind == Type::Text
                    && matches!(
                        column.kind,
                        Type::Severity | Type::Int4 | Type::Int8 | Type::Uuid
                    ) =>
            {
                Ok(Expression::AsText(Box::new(Expression::Column(column))))
            }
            Operand::Number(digits) if kind == Type::Text => {
                Ok(Expression::Value(Param::Text(digits)))
            }
            operand => operand.fit(kind, self.now).map_err(|reason| self.mistake(expr, reason)),
        }
    }

    /// `left + right`, with the literals that may stand in it.
    fn sum(
        &self,
        expr: &Expr,
        left: &Expr,
        right: &Expr,
        minus: bool,
    ) -> Result<Expression, Mistake> {
        let fit = |side: &Expr| match self.operand(side)? {
            Operand::Typed(expression) => Ok(expression),
            literal => {
                literal.fit(Type::Interval, self.now).map_err(|reason| self.mistake(side, reason))
            }
        };
        constant::sum(fit(left)?, fit(right)?, minus).map_err(|reason| self.mistake(expr, reason))
    }
}
