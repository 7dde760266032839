//! Which rows are asked for, checked.

use chrono::{DateTime, Utc};

use crate::expression::Expression;
use crate::{FIELDS, FilterError, Parameters, Slice, Tables, clause, time};

/// Which rows are asked for: those of the tables and the range of time for which all conditions are true.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// Rows of these tables.
    pub tables: Tables,
    /// Rows from this moment on.
    pub from: Option<DateTime<Utc>>,
    /// Rows before this moment.
    pub to: Option<DateTime<Utc>>,
    pub(crate) conditions: Vec<Expression>,
}

/// Texts, regular expressions and conditions, at most of each: every row may have to be compared with all of them.
const MOST: usize = 32;

impl Filter {
    /// Reads `table`, `from`, `to`, each of [`FIELDS`], `text`, `regex` and `where`. All that is given has to hold; several values of
    /// one field are alternatives.
    pub fn read(parameters: &mut Parameters<'_>, now: DateTime<Utc>) -> Result<Self, FilterError> {
        let tables = Tables::read(parameters)?;
        let Slice { from, to } = Slice::read(parameters, now)?;
        let mut conditions = Vec::new();
        for field in &FIELDS {
            conditions.extend(field.read(tables, parameters)?);
        }
        for (name, denied, of) in [
            ("text", "text!", Expression::Contains as fn(String) -> Expression),
            ("regex", "regex!", Expression::Matches),
        ] {
            conditions.extend(texts(parameters, name)?.into_iter().map(of));
            let denied = texts(parameters, denied)?.into_iter();
            conditions.extend(denied.map(|text| of(text).denied()));
        }
        for text in few(parameters, "where")? {
            conditions.push(clause::check(text, tables, now)?);
        }
        Ok(Self { tables, from, to, conditions })
    }

    /// Whether a text is searched, which is what an index of trigrams is for, and what the server misjudges.
    pub fn searches_text(&self) -> bool {
        self.conditions.iter().any(Expression::searches_text)
    }

    /// The same rows, for a statement that is to look at each and to ask no index of texts.
    #[must_use]
    pub fn by_row(self) -> Self {
        let conditions = self.conditions.into_iter().map(Expression::by_row);
        Self { conditions: conditions.collect(), ..self }
    }

    /// Whether a sample of texts may say how to ask an index for a text sooner.
    pub fn can_be_thinned(&self) -> bool {
        self.conditions.iter().any(Expression::can_be_thinned)
    }

    /// The same rows, of which an index of texts is asked for less, as a sample of the texts that there are suggests.
    #[must_use]
    pub fn thinned(self, sample: &[String]) -> Self {
        let conditions = self.conditions.into_iter().map(|one| one.thinned(sample));
        Self { conditions: conditions.collect(), ..self }
    }

    /// The same rows, compared first as their texts are mostly spelled in a sample of those that there are; `None` if that isn't known of any.
    pub fn spelled(&self, sample: &[String]) -> Option<Self> {
        let spelled: Vec<_> = self.conditions.iter().map(|one| one.spelled(sample)).collect();
        spelled.iter().any(Option::is_some).then(|| {
            let each = spelled.into_iter().zip(&self.conditions);
            let conditions =
                each.map(|(spelled, as_it_is)| spelled.unwrap_or_else(|| as_it_is.clone()));
            Self { conditions: conditions.collect(), ..self.clone() }
        })
    }

    /// The name of the parameter that has a regular expression, where one has.
    pub fn regex_parameter(&self) -> Option<&'static str> {
        fn is_parameter(expression: &Expression) -> bool {
            match expression {
                Expression::Matches(_) => true,
                Expression::Is(one, _) => is_parameter(one),
                _ => false,
            }
        }
        match self.conditions.iter().any(is_parameter) {
            true => Some("regex"),
            false if self.searches_text() => Some("where"),
            false => None,
        }
    }
}

impl Slice {
    /// Reads `from` and `to`.
    pub(crate) fn read(
        parameters: &mut Parameters<'_>,
        now: DateTime<Utc>,
    ) -> Result<Self, FilterError> {
        let from = parameters.read("from", |value| moment(value, now))?;
        let to = parameters.read("to", |value| moment(value, now))?;
        if let (Some(from), Some(to)) = (from, to)
            && to < from
        {
            return Err(FilterError::new("to", "is before from"));
        }
        Ok(Self { from, to })
    }
}

/// An empty text is in every row, also in those that have none of the columns.
fn texts(parameters: &mut Parameters<'_>, name: &'static str) -> Result<Vec<String>, FilterError> {
    let texts = few(parameters, name)?.into_iter();
    Ok(texts.filter(|text| !text.is_empty()).map(str::to_owned).collect())
}

fn few<'a>(
    parameters: &mut Parameters<'a>,
    name: &'static str,
) -> Result<Vec<&'a str>, FilterError> {
    let values = parameters.many(name);
    match values.len() > MOST {
        true => Err(FilterError::new(name, format!("is given more than {MOST} times"))),
        false => Ok(values),
    }
}

fn moment(value: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    time::parse(value, now).ok_or_else(|| {
        "is no moment; give RFC 3339, as 2026-01-31T12:00:00Z, or relative to now, as -15m (s, m, h, d, w)".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2026-01-31T12:00:00Z").unwrap().to_utc()
    }

    fn read(pairs: &[(&str, &str)]) -> Result<Filter, FilterError> {
        let mut parameters = Parameters::new(pairs.iter().copied())?;
        let filter = Filter::read(&mut parameters, now())?;
        parameters.finish().map(|()| filter)
    }

    fn refused(pairs: &[(&str, &str)], name: &str, reason: &str) {
        let error = read(pairs).unwrap_err();
        assert_eq!(error.parameter, name, "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }

    #[test]
    fn without_parameters_it_is_every_row_of_the_servers() {
        assert_eq!(read(&[]), Ok(Filter::default()));
        assert_eq!(read(&[("text", "")]), Ok(Filter::default()));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        refused(&[("clutser", "a")], "clutser", "did you mean \"cluster\"?");
        refused(&[("user_name", "a")], "user_name", "did you mean \"user\"?");
        refused(&[("from", "yesterday")], "from", "RFC 3339");
        refused(&[("severity", "BAD")], "severity", "PANIC");
        refused(&[("severity!", "BAD")], "severity!", "PANIC");
        refused(&[("pid", "4294967296")], "pid", "32 bits");
        refused(&[("table", "stream")], "table", "postgres, patroni, component, and all");
        refused(&[("table", "postgres"), ("table", "patroni")], "table", "more than once");
        refused(&[("from", "now"), ("to", "-1h")], "to", "before from");
        refused(&[("cluster", "a\0")], "cluster", "NUL");
        for name in ["text", "text!", "regex", "regex!", "where"] {
            refused(&[(name, "true"); MOST + 1], name, "more than 32 times");
            assert!(read(&[(name, "true"); MOST]).is_ok(), "{name}");
        }
        refused(&[("table", "patroni"), ("user", "a")], "user", "table=postgres has");
    }

    #[test]
    fn a_table_may_lack_the_column_where_all_are_asked() {
        assert!(read(&[("table", "all"), ("user", "a"), ("component", "b")]).is_ok());
    }
}
