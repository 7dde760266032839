//! A condition's text as the parser's tree.

use sqlparser::ast::Expr;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::{Mistake, place};

/// Parentheses within one another, and the like. Nobody writes as many, and they cost stack, also when they are checked.
const DEPTH: usize = 32;

pub(super) fn parse(text: &str) -> Result<Expr, Mistake> {
    let mistake = |error: ParserError| {
        let (reason, end) = match error {
            ParserError::TokenizerError(reason) | ParserError::ParserError(reason) => {
                (reason, Some(text.chars().count() + 1))
            }
            ParserError::RecursionLimitExceeded => ("it is too deeply nested".to_owned(), None),
        };
        let (reason, position) = place::of_message(text, &reason);
        // What is missing at the end has no place.
        let position = position.or(end);
        let reason = format!("can't be read: {}", lower_first(reason));
        Mistake { reason, position, suggestion: None }
    };
    let dialect = PostgreSqlDialect {};
    let mut parser =
        Parser::new(&dialect).with_recursion_limit(DEPTH).try_with_sql(text).map_err(mistake)?;
    let parsed = parser.parse_expr().map_err(mistake)?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        return Err(Mistake {
            reason: format!("can't be read: there is no way to go on with {}", rest.token),
            position: place::of_span(text, rest.span),
            suggestion: None,
        });
    }
    Ok(parsed)
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_lowercase().chain(characters).collect())
        .unwrap_or_default()
}
