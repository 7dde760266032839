//! A filter as SQL. The text is made of constants and parameter numbers; every value is bound.

use chrono::{DateTime, Utc};
use trunkline_record::StreamId;

use crate::Filter;
use crate::columns::{columns, texts};

/// A value to bind.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// `timestamptz`
    Time(DateTime<Utc>),
    /// `text`
    Text(String),
    /// `text[]`
    Texts(Vec<String>),
    /// `bigint`
    Int(i64),
    /// `uuid`
    Stream(StreamId),
}

/// A statement and its parameters: `$1` is the first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sql {
    /// The statement.
    pub text: String,
    /// What to bind.
    pub params: Vec<Param>,
}

impl Sql {
    /// The rows of one page, newest first, [`columns`] of the table each, and one row more when there is another page.
    pub fn page(filter: &Filter) -> Self {
        let mut sql = Self::default();
        let mut conditions = Vec::new();
        if let Some(from) = filter.from {
            conditions.push(format!("log_time >= {}", sql.bind(Param::Time(from))));
        }
        if let Some(to) = filter.to {
            conditions.push(format!("log_time < {}", sql.bind(Param::Time(to))));
        }
        if let Some(cursor) = filter.cursor {
            let time = sql.bind(Param::Time(cursor.log_time));
            let stream = sql.bind(Param::Stream(cursor.stream));
            let position = sql.bind(Param::Int(cursor.position));
            // The first condition follows from the second; it is what leaves out hypertable chunks.
            conditions.push(format!("log_time <= {time}"));
            conditions
                .push(format!("(log_time, stream, position) < ({time}, {stream}, {position})"));
        }
        if !filter.clusters.is_empty() {
            let clusters = sql.bind(Param::Texts(filter.clusters.clone()));
            conditions.push(format!("cluster = ANY({clusters})"));
        }
        if !filter.severities.is_empty() {
            let names = filter.severities.iter().map(ToString::to_string).collect();
            let severities = sql.bind(Param::Texts(names));
            conditions.push(format!("error_severity = ANY({severities}::log.severity[])"));
        }
        if let Some(text) = &filter.text {
            let pattern = sql.bind(Param::Text(like(text)));
            let found: Vec<_> = texts(filter.table)
                .iter()
                .map(|column| format!("{column} ILIKE {pattern}"))
                .collect();
            conditions.push(format!("({})", found.join(" OR ")));
        }
        let limit = sql.bind(Param::Int(i64::from(filter.limit) + 1));
        let selected: Vec<_> = columns(filter.table)
            .iter()
            .map(|(name, _)| match *name {
                "error_severity" => "error_severity::text",
                name => name,
            })
            .collect();
        sql.text = format!("SELECT {} FROM log.{}", selected.join(", "), filter.table.name());
        if !conditions.is_empty() {
            sql.text.push_str(" WHERE ");
            sql.text.push_str(&conditions.join(" AND "));
        }
        sql.text.push_str(" ORDER BY log_time DESC, stream DESC, position DESC LIMIT ");
        sql.text.push_str(&limit);
        sql
    }

    fn bind(&mut self, param: Param) -> String {
        self.params.push(param);
        format!("${}", self.params.len())
    }
}

/// A pattern that finds `text` anywhere, taken literally.
fn like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for char in text.chars() {
        if matches!(char, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use trunkline_record::{Severity, Table};

    use super::*;
    use crate::Cursor;

    /// A filter that asks for everything that can be asked for.
    fn all(table: Table) -> Filter {
        Filter {
            table,
            from: DateTime::from_timestamp(1, 0),
            to: DateTime::from_timestamp(2, 0),
            clusters: vec!["a".to_owned()],
            severities: vec![Severity::Error],
            text: Some("50%_\\".to_owned()),
            limit: 10,
            cursor: Some(Cursor {
                log_time: DateTime::from_timestamp(1, 5).unwrap(),
                stream: StreamId([1; 16]),
                position: 7,
            }),
        }
    }

    #[test]
    fn every_filter_becomes_a_condition() {
        for (table, text) in [
            (
                Table::Postgres,
                "message ILIKE $8 OR detail ILIKE $8 OR hint ILIKE $8 OR query ILIKE $8 OR context ILIKE $8",
            ),
            (Table::Patroni, "message ILIKE $8 OR logger ILIKE $8 OR location ILIKE $8"),
            (Table::Component, "message ILIKE $8 OR component ILIKE $8"),
        ] {
            let sql = Sql::page(&all(table));
            let (selected, conditions) = sql.text.split_once(" WHERE ").unwrap();
            assert!(selected.ends_with(&format!(" FROM log.{}", table.name())), "{selected}");
            assert_eq!(
                conditions,
                format!(
                    "log_time >= $1 AND log_time < $2 AND log_time <= $3 AND (log_time, stream, position) < ($3, $4, $5) \
                     AND cluster = ANY($6) AND error_severity = ANY($7::log.severity[]) AND ({text}) \
                     ORDER BY log_time DESC, stream DESC, position DESC LIMIT $9"
                )
            );
            assert_eq!(sql.params[7], Param::Text(r"%50\%\_\\%".to_owned()));
            assert_eq!(sql.params[8], Param::Int(11));
        }
    }

    #[test]
    fn no_filter_means_no_condition() {
        assert!(!Sql::page(&Filter::default()).text.contains("WHERE"));
    }

    proptest! {
        // Two requests for a table that give the same parameters with other values have the same statement: so no value is in it.
        #[test]
        fn no_input_reaches_the_statement(
            table in prop::sample::select(&Table::ALL[..]), cluster in "\\PC*", text in "\\PC+", limit in 1_u32..=10_000,
        ) {
            let of = |cluster: &str, text: &str, limit: &str| {
                let parameters = [("table", table.name()), ("cluster", cluster), ("text", text), ("limit", limit)];
                Sql::page(&Filter::parse(parameters, DateTime::UNIX_EPOCH).unwrap()).text
            };
            prop_assert_eq!(of(&cluster, &text, &limit.to_string()), of("x", "y", "1"));
        }
    }
}
