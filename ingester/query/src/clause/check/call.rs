//! Functions: those of a short list.

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::super::operand::Operand;
use super::{Checker, Mistake};
use crate::columns::Type;
use crate::expression::{Expression, FUNCTIONS, Takes};
use crate::nearest::nearest;
use crate::sql::Param;

impl Checker<'_> {
    pub(super) fn call(&self, expr: &Expr, called: &Function) -> Result<Expression, Mistake> {
        let name = called.name.to_string().to_lowercase();
        let arguments = match &called.args {
            FunctionArguments::None => Vec::new(),
            FunctionArguments::List(list)
                if list.duplicate_treatment.is_none() && list.clauses.is_empty() =>
            {
                let each = list.args.iter().map(|argument| match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => Some(argument),
                    _ => None,
                });
                each.collect::<Option<Vec<_>>>().ok_or_else(|| self.not_plain(expr))?
            }
            _ => return Err(self.not_plain(expr)),
        };
        let is_plain = !called.uses_odbc_syntax
            && matches!(called.parameters, FunctionArguments::None)
            && called.within_group.is_empty()
            && called.filter.is_none()
            && called.null_treatment.is_none()
            && called.over.is_none();
        if !is_plain {
            return Err(self.not_plain(expr));
        }
        if matches!(name.as_str(), "now" | "current_timestamp") && arguments.is_empty() {
            return Ok(Expression::Value(Param::Time(self.now)));
        }
        let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) else {
            return Err(self.unknown(expr, &name));
        };
        let operands = arguments.iter().map(|argument| self.operand(argument));
        let operands = operands.collect::<Result<Vec<_>, _>>()?;
        let kinds = match function.takes {
            Takes::These(kinds) => kinds.to_vec(),
            // A literal is what the others are.
            Takes::Alike => {
                let kind = operands.iter().find_map(Operand::kind).unwrap_or(Type::Text);
                vec![kind; operands.len().max(1)]
            }
        };
        if kinds.len() != operands.len() {
            let reason =
                format!("gives {name} {} arguments and not {}", operands.len(), kinds.len());
            return Err(self.mistake(expr, reason));
        }
        let fit =
            operands.into_iter().zip(kinds).zip(&arguments).map(|((operand, kind), argument)| {
                operand.fit(kind, self.now).map_err(|reason| self.mistake(argument, reason))
            });
        Ok(Expression::Call(function, fit.collect::<Result<_, _>>()?))
    }

    fn not_plain(&self, expr: &Expr) -> Mistake {
        self.mistake(expr, "calls a function with more than plain arguments")
    }

    /// Some names of columns, as people shorten them, are functions in SQL: `user`.
    fn unknown(&self, expr: &Expr, name: &str) -> Mistake {
        let functions = FUNCTIONS.iter().map(|function| function.name);
        let names: Vec<_> = functions.clone().collect();
        let reason = format!("calls {name:?}, which is none of {}, now", names.join(", "));
        let suggestion =
            nearest(name, functions.chain(["now"])).or_else(|| self.nearest_column(name));
        Mistake { suggestion, ..self.mistake(expr, reason) }
    }
}
