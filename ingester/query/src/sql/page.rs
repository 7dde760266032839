//! Rows in the order that all pages share.

use trunkline_record::Table;

use super::{Param, Scope, Sql};
use crate::columns::{Column, Type, has};
use crate::render::type_name;
use crate::{Filter, Tables};

impl Sql {
    /// Rows in their order, [`Tables::columns`] each, `limit` of them at most.
    pub fn rows(filter: &Filter, scope: &Scope, limit: Option<u32>) -> Self {
        let mut sql = Self::default();
        let limit = limit.map(|limit| sql.bind(Param::Int(limit.into())));
        sql.merged(filter.tables, |sql, table| {
            sql.select(filter.tables, table);
            sql.push(&format!("log.{}", table.name()));
            sql.restrict(scope, table, filter);
            sql.order(scope, limit.as_deref());
        });
        if filter.tables == Tables::All {
            sql.order(scope, limit.as_deref());
        }
        sql
    }

    /// The same, but all of the scope's rows that fit are gathered before they are put in order.
    ///
    /// The server guesses by its length how frequent a text is. It takes one of five letters for so frequent that it would go through
    /// all rows in their order to meet a few early, where an index of texts knows in milliseconds that there are three.
    pub fn rows_gathered(filter: &Filter, scope: &Scope, limit: u32) -> Self {
        let mut sql = Self::default();
        let limit = sql.bind(Param::Int(limit.into()));
        sql.merged(filter.tables, |sql, table| {
            sql.select(filter.tables, table);
            sql.push(&format!("log.{}", table.name()));
            sql.restrict(scope, table, filter);
            sql.push(scope.order.by_sorting());
            sql.push(&format!(" LIMIT {limit}"));
        });
        if filter.tables == Tables::All {
            sql.order(scope, Some(&limit));
        }
        sql
    }

    /// The same, but only of the first `newest` rows in the scope, whether these fit the filter or not: a cheap try before what
    /// may be dear.
    pub fn rows_of_first(filter: &Filter, scope: &Scope, first: u32, limit: u32) -> Self {
        let mut sql = Self::default();
        let limit = sql.bind(Param::Int(limit.into()));
        let first = sql.bind(Param::Int(first.into()));
        sql.merged(filter.tables, |sql, table| {
            sql.select(filter.tables, table);
            sql.push(&format!("(SELECT * FROM log.{} WHERE TRUE", table.name()));
            sql.push_scope(scope);
            sql.order(scope, Some(&first));
            sql.push(") AS first WHERE TRUE");
            sql.push_conditions(table, filter);
            sql.order(scope, Some(&limit));
        });
        if filter.tables == Tables::All {
            sql.order(scope, Some(&limit));
        }
        sql
    }

    /// What `each` writes for one table, or for all of them, one below the other.
    pub(super) fn merged(&mut self, tables: Tables, each: impl Fn(&mut Self, Table)) {
        match tables {
            Tables::One(table) => each(self, table),
            Tables::All => {
                self.push("SELECT * FROM (");
                for (at, table) in tables.each().enumerate() {
                    self.push(if at == 0 { "(" } else { " UNION ALL (" });
                    each(self, table);
                    self.push(")");
                }
                self.push(") AS every");
            }
        }
    }

    /// `SELECT` the columns of the answer `FROM`.
    pub(super) fn select(&mut self, tables: Tables, table: Table) {
        self.push("SELECT ");
        for (at, column) in tables.columns().iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            self.push_column(column, table);
        }
        self.push(" FROM ");
    }

    fn push_column(&mut self, column: &Column, table: Table) {
        if *column == Column::TABLE {
            return self.push(&format!("'{}' AS \"table\"", table.name()));
        }
        if !has(table, column.name) {
            self.push("NULL::");
            self.push(if column.kind == Type::Severity { "text" } else { type_name(column.kind) });
            return self.push(&format!(" AS {}", column.name));
        }
        self.push(column.name);
        // The driver takes an enum for an unknown type; its text is what is wanted.
        if column.kind == Type::Severity {
            self.push(&format!("::text AS {}", column.name));
        }
    }

    pub(super) fn order(&mut self, scope: &Scope, limit: Option<&str>) {
        self.push(scope.order.by());
        if let Some(limit) = limit {
            self.push(" LIMIT ");
            self.push(limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::{Cursor, FIELDS, Order, Page, Parameters};

    fn statement(pairs: &[(&str, &str)]) -> Sql {
        let mut parameters = Parameters::new(pairs.iter().copied()).unwrap();
        let filter = Filter::read(&mut parameters, DateTime::UNIX_EPOCH).unwrap();
        let page = Page::read(&mut parameters, false).unwrap();
        parameters.finish().unwrap();
        Sql::rows(&filter, &Scope::of(&filter, page.place(), page.order_of_search()), page.limit)
    }

    fn statement_by_row(pairs: &[(&str, &str)]) -> Sql {
        let mut parameters = Parameters::new(pairs.iter().copied()).unwrap();
        let filter = Filter::read(&mut parameters, DateTime::UNIX_EPOCH).unwrap().by_row();
        Sql::rows(&filter, &Scope::of(&filter, None, Order::Desc), None)
    }

    #[test]
    fn row_by_row_a_text_of_ascii_is_compared_without_the_locale() {
        let check = |text: &str, expected: &str| {
            let sql = statement_by_row(&[("table", "component"), ("text", text)]);
            let found = sql.text.split_once(" WHERE TRUE AND ").unwrap().1;
            assert_eq!(found.split(" ORDER BY ").next(), Some(expected));
        };
        let liked = "message ILIKE $1 OR component ILIKE $1";
        let lowered =
            "lower(message COLLATE \"C\") LIKE $2 OR lower(component COLLATE \"C\") LIKE $2";
        check("é", &format!("({liked})"));
        check("A", &format!("(CASE WHEN lower('I') = 'i' THEN ({lowered}) ELSE ({liked}) END)"));
        let beyond = |column: &str| {
            format!("(octet_length({column}) <> char_length({column}) AND {column} ILIKE $1)")
        };
        let beyond = format!("{} OR {}", beyond("message"), beyond("component"));
        for text in ["i", "K"] {
            check(
                text,
                &format!(
                    "(CASE WHEN lower('I') = 'i' THEN ({lowered} OR {beyond}) ELSE ({liked}) END)"
                ),
            );
        }
    }

    fn check(pairs: &[(&str, &str)], conditions: &str) {
        let text = statement(pairs).text;
        let (selected, found) = text.split_once(" WHERE TRUE").unwrap();
        assert!(selected.contains(" FROM log."), "{selected}");
        let found = found.split(" ORDER BY ").next().unwrap();
        assert_eq!(found.strip_prefix(" AND ").unwrap_or(found), conditions);
    }

    #[test]
    fn every_parameter_becomes_a_condition() {
        check(&[], "");
        check(&[("from", "-1h"), ("to", "now")], "log_time >= $2 AND log_time < $3");
        check(&[("user", "a"), ("user", "b")], "((user_name IN ($2, $3)))");
        check(&[("user", "a"), ("user", "")], "((user_name IN ($2)) OR (user_name IS NULL))");
        check(&[("user!", "a")], "(((user_name IN ($2))) IS NOT TRUE)");
        check(&[("user!", "")], "(((user_name IS NULL)) IS NOT TRUE)");
        check(&[("min_severity", "warning")], "((error_severity >= 'WARNING'::log.severity))");
        check(
            &[("severity", "error"), ("pid", "7")],
            "((error_severity IN ('ERROR'::log.severity))) AND ((process_id IN ($2)))",
        );
        let texts = "(message ILIKE $2 OR detail ILIKE $2 OR hint ILIKE $2 OR query ILIKE $2 OR context ILIKE $2)";
        check(&[("text", "a")], texts);
        check(
            &[("table", "component"), ("regex!", "a")],
            "((message ~ $2 OR component ~ $2) IS NOT TRUE)",
        );
    }

    #[test]
    fn a_page_goes_on_behind_its_cursor_either_way() {
        let place = crate::Place {
            log_time: DateTime::from_timestamp(100, 5_000).unwrap(),
            stream: trunkline_record::StreamId([1; 16]),
            position: 7,
        };
        for (direction, order, compared, ordered) in [
            (crate::Direction::Next, "desc", "<", Order::Desc),
            (crate::Direction::Previous, "desc", ">", Order::Asc),
            (crate::Direction::Next, "asc", ">", Order::Asc),
        ] {
            let cursor = Cursor { place, direction }.to_string();
            let sql = statement(&[("cursor", &cursor), ("order", order)]);
            let (bound, at) = match ordered {
                Order::Desc => ("log_time < $2", DateTime::from_timestamp(100, 6_000).unwrap()),
                Order::Asc => ("log_time >= $2", place.log_time),
            };
            let expected = format!(
                " WHERE TRUE AND {bound} AND (log_time, stream, position) {compared} ($3, $4, $5){} LIMIT $1",
                ordered.by()
            );
            assert!(sql.text.ends_with(&expected), "{}", sql.text);
            assert_eq!(sql.params[1], Param::Time(at));
        }
    }

    #[test]
    fn all_tables_are_merged_and_one_that_lacks_a_column_has_null_there() {
        let text = statement(&[("table", "all"), ("component", "a"), ("text", "b")]).text;
        assert_eq!(text.matches("NULL::text IN (").count(), 2, "{text}");
        assert_eq!(text.matches("(component IN (").count(), 1, "{text}");
        assert_eq!(text.matches(" LIMIT $1").count(), 4, "{text}");
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        /// A text that is compared in the same way.
        fn like(text: &str) -> &'static str {
            match text {
                text if !text.is_ascii() => "é",
                text if !text.contains(|char: char| char.is_ascii_alphabetic()) => "1",
                text if text.to_lowercase().contains(['i', 'k']) => "i",
                _ => "y",
            }
        }

        proptest! {
            // Two requests that give the same parameters with other values have the same statement: so no value is in it. But for how a
            // text is compared, which is another way for one without letters, and row by row for one of ASCII, and for one with a letter that
            // others become.
            #[test]
            fn no_input_reaches_the_statement(
                field in prop::sample::select(&FIELDS[..]), value in "\\PC+", text in "\\PC+", regex in "\\PC+",
                limit in 1_u32..=10_000,
            ) {
                let of = |value: &str, text: &str, regex: &str, limit: &str| {
                    let value = match field.name {
                        "severity" | "min_severity" => "LOG",
                        "pid" | "query_id" => "1",
                        _ => value,
                    };
                    let pairs = [
                        ("table", "all"), (field.name, value), (field.denied, value), ("text", text), ("regex", regex),
                        ("limit", limit),
                    ];
                    let by_row = statement_by_row(&pairs[..pairs.len() - 1]).text;
                    (statement(&pairs).text, by_row)
                };
                prop_assert_eq!(of(&value, &text, &regex, &limit.to_string()), of("x", like(&text), "z", "1"));
            }
        }
    }
}
