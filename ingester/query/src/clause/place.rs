//! Where something stands in a condition, in characters from 1.

use sqlparser::tokenizer::{Location, Span};

/// The parser counts lines and columns.
pub(super) fn position(text: &str, line: u64, column: u64) -> Option<usize> {
    // 0 is its word for somewhere.
    let line = usize::try_from(line.checked_sub(1)?).ok()?;
    let column = usize::try_from(column.checked_sub(1)?).ok()?;
    let before = text.split_inclusive('\n').take(line).map(|line| line.chars().count());
    Some((before.sum::<usize>() + column).min(text.chars().count()) + 1)
}

/// Where this begins.
pub(super) fn of_span(text: &str, span: Span) -> Option<usize> {
    let Location { line, column, .. } = span.start;
    position(text, line, column)
}

/// The parser's errors have it at their end, in words: ` at Line: 1, Column: 5`. What stands before it, and where it is.
pub(super) fn of_message<'a>(text: &str, message: &'a str) -> (&'a str, Option<usize>) {
    let Some((before, place)) = message.rsplit_once(" at Line: ") else { return (message, None) };
    let numbers = place
        .split_once(", Column: ")
        .and_then(|(line, column)| Some((line.trim().parse().ok()?, column.trim().parse().ok()?)));
    match numbers {
        Some((line, column)) => (before, position(text, line, column)),
        None => (message, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_become_characters() {
        let text = "ä = 1\nOR é = 2";
        assert_eq!(position(text, 1, 1), Some(1));
        assert_eq!(position(text, 2, 4), Some(10));
        assert_eq!(position(text, 0, 0), None);
        assert_eq!(position(text, 9, 9), Some(15));
        assert_eq!(
            of_message(text, "expected: x at Line: 2, Column: 4"),
            ("expected: x", Some(10))
        );
        assert_eq!(of_message(text, "expected: x"), ("expected: x", None));
    }
}
