//! An expression as SQL, for one table.

use trunkline_record::Table;

use crate::clause::Interval;
use crate::columns::{Type, has, texts};
use crate::expression::Expression;
use crate::sql::{Param, Sql};

impl Expression {
    /// Writes it to the statement. Each part is in parentheses of its own, so that no precedence matters.
    pub(crate) fn render(&self, table: Table, sql: &mut Sql) {
        match self {
            Self::Column(column) if has(table, column.name) => sql.push(column.name),
            // Known before the query runs, so the server leaves out a table that can't have such rows.
            Self::Column(column) => {
                sql.push("NULL::");
                sql.push(type_name(column.kind));
            }
            Self::Value(value) => sql.push_param(value.clone()),
            Self::Interval(Interval { months, micros }) => {
                sql.push("make_interval(months => ");
                sql.push_param(Param::Int(i64::from(*months)));
                sql.push("::integer, secs => ");
                // A hundred years have fewer microseconds than a double counts one by one.
                #[allow(clippy::cast_precision_loss)]
                sql.push_param(Param::Float(*micros as f64 / 1e6));
                sql.push(")");
            }
            Self::Severity(severity) => {
                sql.push("'");
                sql.push(severity.as_str());
                sql.push("'::log.severity");
            }
            Self::Bool(value) => sql.push(if *value { "TRUE" } else { "FALSE" }),
            Self::Call(function, arguments) => {
                sql.push(function.name);
                list(arguments, ", ", table, sql);
            }
            Self::Binary(operator, _, left, right) => {
                sql.push("(");
                left.render(table, sql);
                sql.push(" ");
                sql.push(operator);
                sql.push(" ");
                right.render(table, sql);
                sql.push(")");
            }
            Self::In(one, these) => {
                sql.push("(");
                one.render(table, sql);
                sql.push(" IN ");
                list(these, ", ", table, sql);
                sql.push(")");
            }
            Self::Is(one, test) => {
                sql.push("(");
                one.render(table, sql);
                sql.push(" ");
                sql.push(test);
                sql.push(")");
            }
            Self::AsText(one) => {
                one.render(table, sql);
                sql.push("::text");
            }
            Self::Not(one) => {
                sql.push("(NOT ");
                one.render(table, sql);
                sql.push(")");
            }
            Self::And(all) => list(all, " AND ", table, sql),
            Self::Or(any) => list(any, " OR ", table, sql),
            Self::Contains(text) => {
                let pattern = sql.bind(Param::Text(like([text])));
                in_texts(if has_case(text) { "ILIKE" } else { "LIKE" }, &pattern, table, sql);
            }
            Self::ContainsSpelled(text, spelling) => {
                in_texts_as_spelled(text, spelling, table, sql)
            }
            Self::ContainsPieces(pieces) => in_texts_in_pieces(pieces, table, sql),
            Self::ContainsByRow(text) => {
                let pattern = sql.bind(Param::Text(like([text])));
                in_texts_by_row(text, &pattern, table, sql);
            }
            Self::Matches(pattern) => {
                let pattern = sql.bind(Param::Text(pattern.clone()));
                in_texts("~", &pattern, table, sql);
            }
        }
    }
}

fn list(parts: &[Expression], between: &str, table: Table, sql: &mut Sql) {
    sql.push("(");
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            sql.push(between);
        }
        part.render(table, sql);
    }
    sql.push(")");
}

fn in_texts(operator: &str, pattern: &str, table: Table, sql: &mut Sql) {
    sql.push(&format!("({})", any(table, |column| format!("{column} {operator} {pattern}"))));
}

/// What is so of any of the table's texts.
fn any(table: Table, of: impl Fn(&str) -> String) -> String {
    texts(table).iter().map(|column| of(column)).collect::<Vec<_>>().join(" OR ")
}

/// Whether `ILIKE` may tell more of a text than `LIKE`, which takes a tenth of its time: no character is lowered to a digit or a sign of ASCII.
fn has_case(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii())
}

/// What the index finds is compared once more, and `ILIKE` lowers each text for that, which takes longer than all else. Rows that have the text
/// as it is mostly spelled are told without; that is nothing new to `ILIKE` unless the locale lowers ASCII in its own way, which the server finds out while it plans.
fn in_texts_as_spelled(text: &str, spelling: &str, table: Table, sql: &mut Sql) {
    let pattern = sql.bind(Param::Text(like([text])));
    let spelled = sql.bind(Param::Text(like([spelling])));
    let found = any(table, |column| format!("{column} ILIKE {pattern}"));
    let sooner = any(table, |column| format!("{column} LIKE {spelled}"));
    sql.push(&format!(
        "(CASE WHEN lower('I') = 'i' THEN ({sooner} OR {found}) ELSE ({found}) END)"
    ));
}

/// What the index finds is compared with the pieces once more, so those without case come first: few rows are left for the others.
fn in_texts_in_pieces(pieces: &[String], table: Table, sql: &mut Sql) {
    let (cased, others): (Vec<_>, Vec<_>) = pieces.iter().partition(|piece| has_case(piece));
    let mut patterns = Vec::new();
    for (operator, pieces) in [("LIKE", others), ("ILIKE", cased)] {
        if !pieces.is_empty() {
            patterns.push((operator, sql.bind(Param::Text(like(pieces)))));
        }
    }
    let found = any(table, |column| {
        let each =
            patterns.iter().map(|(operator, pattern)| format!("{column} {operator} {pattern}"));
        format!("({})", each.collect::<Vec<_>>().join(" AND "))
    });
    sql.push(&format!("({found})"));
}

/// Exactly what `ILIKE` tells of a text of ASCII, sooner.
///
/// In UTF-8 `ILIKE` has the locale lower each text, character by character; collation `C` lowers ASCII alone, three times as fast. That is the same unless
/// the locale lowers ASCII in its own way (in Turkish `I` isn't `i`), which the server finds out while it plans, or a character beyond ASCII becomes one of ASCII:
/// the sign for Kelvin a `k`, an `I` with a dot (and, in Lithuanian, with further marks) an `i`.
fn in_texts_by_row(text: &str, pattern: &str, table: Table, sql: &mut Sql) {
    if !has_case(text) {
        let found = any(table, |column| format!("{column} COLLATE \"C\" LIKE {pattern}"));
        return sql.push(&format!("({found})"));
    }
    let lower = sql.bind(Param::Text(like([&text.to_ascii_lowercase()])));
    let may_be_beyond_ascii = text.contains(['i', 'I', 'k', 'K']);
    let mut found = any(table, |column| format!("lower({column} COLLATE \"C\") LIKE {lower}"));
    if may_be_beyond_ascii {
        found += " OR ";
        found += &any(table, |column| {
            format!(
                "(octet_length({column}) <> char_length({column}) AND {column} ILIKE {pattern})"
            )
        });
    }
    let otherwise = any(table, |column| format!("{column} ILIKE {pattern}"));
    sql.push(&format!("(CASE WHEN lower('I') = 'i' THEN ({found}) ELSE ({otherwise}) END)"));
}

/// A pattern that finds these pieces anywhere, taken literally, one behind the other.
fn like(pieces: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut pattern = "%".to_owned();
    for piece in pieces {
        for char in piece.as_ref().chars() {
            if matches!(char, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(char);
        }
        pattern.push('%');
    }
    pattern
}

pub(crate) const fn type_name(kind: Type) -> &'static str {
    match kind {
        Type::Bool => "boolean",
        Type::Text => "text",
        Type::TextArray => "text[]",
        Type::Int4 => "integer",
        Type::Int8 => "bigint",
        Type::Time => "timestamptz",
        Type::Interval => "interval",
        Type::Severity => "log.severity",
        Type::Uuid => "uuid",
        Type::Json => "jsonb",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_literally() {
        assert_eq!(like([r"50%_\"]), r"%50\%\_\\%");
        assert_eq!(like(["a_", "b"]), r"%a\_%b%");
    }
}
