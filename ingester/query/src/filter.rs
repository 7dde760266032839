//! What is asked for, checked.

use chrono::{DateTime, Utc};
use trunkline_record::{Severity, Table};

use crate::Cursor;
use crate::time;

/// Which rows are asked for, newest first. An empty list means any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Rows of this table.
    pub table: Table,
    /// Rows from this moment on.
    pub from: Option<DateTime<Utc>>,
    /// Rows before this moment.
    pub to: Option<DateTime<Utc>>,
    /// Rows of these clusters.
    pub clusters: Vec<String>,
    /// Rows of these severities.
    pub severities: Vec<Severity>,
    /// Rows that hold this text, whatever its case: in `message`, `detail`, `hint`, `query` or `context` of a server's record, in
    /// `message`, `logger` or `location` of Patroni's, in `message` or `component` of another's.
    pub text: Option<String>,
    /// Rows at most.
    pub limit: u32,
    /// Rows behind this one.
    pub cursor: Option<Cursor>,
}

/// Rows of a page when nothing else is asked for.
pub const DEFAULT_LIMIT: u32 = 100;
/// Rows of the largest page.
pub const MAX_LIMIT: u32 = 10_000;

/// A parameter that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parameter {parameter:?} {reason}")]
pub struct FilterError {
    /// Its name, as the caller wrote it.
    pub parameter: String,
    /// What is wrong with it.
    pub reason: String,
}

const PARAMETERS: &str = "table, from, to, cluster, severity, text, limit, cursor";

impl Default for Filter {
    fn default() -> Self {
        Self {
            table: Table::default(),
            from: None,
            to: None,
            clusters: Vec::new(),
            severities: Vec::new(),
            text: None,
            limit: DEFAULT_LIMIT,
            cursor: None,
        }
    }
}

impl Filter {
    /// Reads the parameters of a request. `cluster` and `severity` may be repeated, the others not.
    pub fn parse<'a>(
        parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
        now: DateTime<Utc>,
    ) -> Result<Self, FilterError> {
        let mut filter = Self::default();
        let (mut table, mut limit) = (None, None);
        for (parameter, value) in parameters {
            let error = |reason: String| FilterError { parameter: parameter.to_owned(), reason };
            if value.contains('\0') {
                return Err(error("holds a NUL, and no row does".to_owned()));
            }
            let repeated = match parameter {
                "table" => table.replace(table_named(value).map_err(error)?).is_some(),
                "from" => filter.from.replace(moment(value, now).map_err(error)?).is_some(),
                "to" => filter.to.replace(moment(value, now).map_err(error)?).is_some(),
                "cluster" => {
                    filter.clusters.push(value.to_owned());
                    false
                }
                "severity" => {
                    filter.severities.push(severity(value).map_err(error)?);
                    false
                }
                "text" => filter.text.replace(value.to_owned()).is_some(),
                "limit" => limit.replace(number(value).map_err(error)?).is_some(),
                "cursor" => {
                    let cursor = value
                        .parse()
                        .map_err(|e: crate::InvalidCursor| error(format!("is {e}")))?;
                    filter.cursor.replace(cursor).is_some()
                }
                _ => return Err(error(format!("is unknown; there are {PARAMETERS}"))),
            };
            if repeated {
                return Err(error("is given more than once".to_owned()));
            }
        }
        if let (Some(from), Some(to)) = (filter.from, filter.to)
            && to < from
        {
            return Err(FilterError {
                parameter: "to".to_owned(),
                reason: "is before from".to_owned(),
            });
        }
        // An empty text is in every row, also in those that have none of the columns.
        filter.text = filter.text.filter(|text| !text.is_empty());
        filter.table = table.unwrap_or_default();
        filter.limit = limit.unwrap_or(DEFAULT_LIMIT);
        Ok(filter)
    }
}

fn moment(value: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    time::parse(value, now).ok_or_else(|| {
        "is no moment; give RFC 3339, as 2026-01-31T12:00:00Z, or relative to now, as -15m (s, m, h, d, w)".to_owned()
    })
}

fn table_named(value: &str) -> Result<Table, String> {
    Table::ALL
        .into_iter()
        .find(|table| table.name() == value)
        .ok_or_else(|| format!("is no table; there are {}", Table::ALL.map(Table::name).join(", ")))
}

fn severity(value: &str) -> Result<Severity, String> {
    value.parse().map_err(|_| {
        let names: Vec<_> = Severity::ALL.iter().map(|severity| severity.as_str()).collect();
        format!("is no severity; there are {}", names.join(", "))
    })
}

fn number(value: &str) -> Result<u32, String> {
    value
        .parse()
        .ok()
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| format!("is no number from 1 to {MAX_LIMIT}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2026-01-31T12:00:00Z").unwrap().to_utc()
    }

    fn refused(parameters: &[(&str, &str)], name: &str) {
        let error = Filter::parse(parameters.iter().copied(), now()).unwrap_err();
        assert_eq!(error.parameter, name, "{error}");
    }

    #[test]
    fn without_parameters_it_is_the_newest_hundred() {
        assert_eq!(Filter::parse([], now()), Ok(Filter::default()));
    }

    #[test]
    fn clusters_and_severities_are_repeatable() {
        let parameters =
            [("cluster", "a"), ("severity", "error"), ("cluster", "b"), ("severity", "FATAL")];
        let filter = Filter::parse(parameters, now()).unwrap();
        assert_eq!(filter.clusters, ["a", "b"]);
        assert_eq!(filter.severities, [Severity::Error, Severity::Fatal]);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        refused(&[("clutser", "a")], "clutser");
        refused(&[("from", "yesterday")], "from");
        refused(&[("severity", "BAD")], "severity");
        refused(&[("table", "stream")], "table");
        refused(&[("table", "postgres"), ("table", "patroni")], "table");
        refused(&[("limit", "0")], "limit");
        refused(&[("limit", "10001")], "limit");
        refused(&[("cursor", "x")], "cursor");
        refused(&[("text", "a"), ("text", "b")], "text");
        refused(&[("from", "now"), ("to", "-1h")], "to");
        refused(&[("cluster", "a\0")], "cluster");
    }

    #[test]
    fn without_a_name_it_is_the_servers_table() {
        assert_eq!(Filter::parse([], now()).unwrap().table, Table::Postgres);
        assert_eq!(Filter::parse([("table", "component")], now()).unwrap().table, Table::Component);
    }

    #[test]
    fn an_empty_text_is_no_filter() {
        assert_eq!(Filter::parse([("text", "")], now()).unwrap().text, None);
    }
}
