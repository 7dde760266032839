//! A condition as text, and its truth for a row, found without any of the service's code.

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::Value;

use super::rows::{Row, SEVERITIES, WORDS, noon, show};

/// What stands behind `where=`.
#[derive(Debug, Clone)]
pub enum Condition {
    Compare(&'static str, &'static str, Literal),
    In(&'static str, Vec<Literal>, bool),
    Between(&'static str, Literal, Literal),
    Like { column: &'static str, pattern: String, any_case: bool, denied: bool },
    Regex { column: &'static str, regex: &'static Regex, operator: &'static str },
    IsNull(&'static str, bool),
    IsTrue(Box<Condition>, bool),
    Lower(&'static str, String),
    Length(&'static str, &'static str, i64),
    Coalesced(&'static str, &'static str, String),
    Extra(String),
    Lasting(i64),
    Not(Box<Condition>),
    And(Vec<Condition>),
    Or(Vec<Condition>),
}

/// A value in it.
#[derive(Debug, Clone)]
pub enum Literal {
    Text(String),
    Number(i64),
    Severity(&'static str),
    Time(DateTime<Utc>),
}

/// A regular expression and what it means.
#[derive(Debug)]
pub struct Regex {
    pub pattern: &'static str,
    pub any_case: bool,
    pub matches: fn(&str) -> bool,
}

pub static REGEXES: [Regex; 6] = [
    Regex { pattern: "^10", any_case: false, matches: |text| text.starts_with("10") },
    Regex { pattern: "foo$", any_case: false, matches: |text| text.ends_with("foo") },
    Regex { pattern: r"0\.0", any_case: false, matches: |text| text.contains("0.0") },
    Regex { pattern: "🐘{2}", any_case: false, matches: |text| text.contains("🐘🐘") },
    Regex {
        pattern: "dead(lock|line)|É",
        any_case: false,
        matches: |text| text.contains("deadlock") || text.contains('É'),
    },
    Regex {
        pattern: "PUBLIC.foo|é",
        any_case: true,
        matches: |text| {
            let text = text.to_lowercase();
            text.contains("public.foo") || text.contains('é')
        },
    },
];

const TEXTS: [&str; 13] = [
    "message",
    "detail",
    "hint",
    "query",
    "context",
    "user_name",
    "database_name",
    "cluster",
    "pod",
    "role",
    "logger",
    "component",
    "sql_state_code",
];

impl Condition {
    pub fn random(random: &mut StdRng, depth: usize) -> Self {
        let text = *TEXTS.choose(random).unwrap();
        let kinds = if depth == 0 { 13 } else { 17 };
        match random.random_range(0..kinds) {
            0 | 1 => {
                let (column, literal) = typed(random);
                let operators: &[&str] = match literal {
                    // The order of texts is a matter of the database's language.
                    Literal::Text(_) => &["=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"],
                    _ => &["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM"],
                };
                Self::Compare(column, operators.choose(random).unwrap(), literal)
            }
            2 => {
                let (column, first) = typed(random);
                let mut these = vec![first];
                while these.len() < 3 {
                    let (other, literal) = typed(random);
                    if other == column {
                        these.push(literal);
                    }
                }
                Self::In(column, these, random.random_bool(0.3))
            }
            3 => loop {
                let ((column, low), (other, high)) = (typed(random), typed(random));
                if column == other && !matches!(low, Literal::Text(_)) {
                    return Self::Between(column, low, high);
                }
            },
            4 | 5 => Self::Like {
                column: text,
                pattern: pattern(random),
                any_case: random.random_bool(0.5),
                denied: random.random_bool(0.3),
            },
            6 => {
                let regex = REGEXES.choose(random).unwrap();
                let operators = if regex.any_case { ["~*", "!~*"] } else { ["~", "!~"] };
                Self::Regex { column: text, regex, operator: operators.choose(random).unwrap() }
            }
            7 => Self::IsNull(
                [
                    "message",
                    "user_name",
                    "escaped",
                    "extra",
                    "process_id",
                    "error_severity",
                    "logger",
                ]
                .choose(random)
                .unwrap(),
                random.random_bool(0.5),
            ),
            8 => Self::Lower(text, lower(&word(random))),
            9 => Self::Length(
                text,
                ["<", ">=", "="].choose(random).unwrap(),
                random.random_range(0..12),
            ),
            10 => Self::Coalesced(text, TEXTS.choose(random).unwrap(), word(random)),
            11 => Self::Extra(word(random)),
            12 => Self::Lasting(random.random_range(0..7_200)),
            13 => Self::Not(Box::new(Self::random(random, depth - 1))),
            14 => Self::IsTrue(Box::new(Self::random(random, depth - 1)), random.random_bool(0.5)),
            kind => {
                let parts = (0..random.random_range(2..4))
                    .map(|_| Self::random(random, depth - 1))
                    .collect();
                if kind == 15 { Self::And(parts) } else { Self::Or(parts) }
            }
        }
    }

    pub fn sql(&self) -> String {
        let joined = |parts: &[Self], between: &str| {
            let parts: Vec<_> = parts.iter().map(|part| format!("({})", part.sql())).collect();
            parts.join(between)
        };
        match self {
            Self::Compare(column, operator, literal) => {
                format!("{column} {operator} {}", literal.sql())
            }
            Self::In(column, these, denied) => {
                let these: Vec<_> = these.iter().map(Literal::sql).collect();
                format!("{column} {}IN ({})", if *denied { "NOT " } else { "" }, these.join(", "))
            }
            Self::Between(column, low, high) => {
                format!("{column} BETWEEN {} AND {}", low.sql(), high.sql())
            }
            Self::Like { column, pattern, any_case, denied } => format!(
                "{column} {}{}LIKE {}",
                if *denied { "NOT " } else { "" },
                if *any_case { "I" } else { "" },
                quoted(pattern)
            ),
            Self::Regex { column, regex, operator } => {
                format!("{column} {operator} {}", quoted(regex.pattern))
            }
            Self::IsNull(column, denied) => {
                format!("{column} IS {}NULL", if *denied { "NOT " } else { "" })
            }
            Self::IsTrue(one, denied) => {
                format!("({}) IS {}TRUE", one.sql(), if *denied { "NOT " } else { "" })
            }
            Self::Lower(column, text) => format!("lower({column}) = {}", quoted(text)),
            Self::Length(column, operator, length) => {
                format!("length({column}) {operator} {length}")
            }
            Self::Coalesced(one, other, text) => {
                format!("coalesce({one}, {other}, '') = {}", quoted(text))
            }
            Self::Extra(text) => format!("extra ->> 'level' = {}", quoted(text)),
            Self::Lasting(seconds) => {
                format!("log_time - session_start_time >= interval '{seconds} seconds'")
            }
            Self::Not(one) => format!("NOT ({})", one.sql()),
            Self::And(parts) => joined(parts, " AND "),
            Self::Or(parts) => joined(parts, " OR "),
        }
    }

    /// True, false, or unknown.
    pub fn truth(&self, row: &Row) -> Option<bool> {
        let text = |column: &str| row.get(column).and_then(Value::as_str);
        match self {
            Self::Compare(column, operator, literal) => {
                let order = row.get(*column).map(|value| literal.order_of(value));
                match (*operator, order) {
                    ("IS DISTINCT FROM", order) => Some(order.is_none_or(|order| order.is_ne())),
                    ("IS NOT DISTINCT FROM", order) => {
                        Some(order.is_some_and(|order| order.is_eq()))
                    }
                    (operator, order) => order.map(|order| match operator {
                        "=" => order.is_eq(),
                        "<>" => order.is_ne(),
                        "<" => order.is_lt(),
                        "<=" => order.is_le(),
                        ">" => order.is_gt(),
                        _ => order.is_ge(),
                    }),
                }
            }
            Self::In(column, these, denied) => {
                let value = row.get(*column)?;
                Some(these.iter().any(|literal| literal.order_of(value).is_eq()) != *denied)
            }
            Self::Between(column, low, high) => {
                let value = row.get(*column)?;
                Some(low.order_of(value).is_ge() && high.order_of(value).is_le())
            }
            Self::Like { column, pattern, any_case, denied } => {
                let fold = |text: &str| if *any_case { lower(text) } else { text.to_owned() };
                Some(is_like(&fold(text(column)?), &fold(pattern)) != *denied)
            }
            Self::Regex { column, regex, operator } => {
                Some((regex.matches)(text(column)?) != operator.starts_with('!'))
            }
            Self::IsNull(column, denied) => Some(row.get(*column).is_none() != *denied),
            Self::IsTrue(one, denied) => Some((one.truth(row) == Some(true)) != *denied),
            Self::Lower(column, wanted) => Some(lower(text(column)?) == *wanted),
            Self::Length(column, operator, length) => {
                let found = i64::try_from(text(column)?.chars().count()).unwrap();
                Some(match *operator {
                    "<" => found < *length,
                    "=" => found == *length,
                    _ => found >= *length,
                })
            }
            Self::Coalesced(one, other, word) => {
                Some(text(one).or(text(other)).unwrap_or("") == word)
            }
            Self::Extra(word) => Some(row.get("extra")?["level"].as_str()? == word),
            Self::Lasting(seconds) => {
                let moment =
                    |column| text(column).map(|text| text.parse::<DateTime<Utc>>().unwrap());
                Some(
                    moment("log_time")? - moment("session_start_time")?
                        >= TimeDelta::seconds(*seconds),
                )
            }
            Self::Not(one) => one.truth(row).map(|truth| !truth),
            Self::And(parts) => {
                let truths: Vec<_> = parts.iter().map(|part| part.truth(row)).collect();
                match truths.contains(&Some(false)) {
                    true => Some(false),
                    false => (!truths.contains(&None)).then_some(true),
                }
            }
            Self::Or(parts) => {
                let truths: Vec<_> = parts.iter().map(|part| part.truth(row)).collect();
                match truths.contains(&Some(true)) {
                    true => Some(true),
                    false => (!truths.contains(&None)).then_some(false),
                }
            }
        }
    }
}

impl Literal {
    fn sql(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Number(number) => number.to_string(),
            Self::Severity(severity) => quoted(&severity.to_lowercase()),
            Self::Time(time) => quoted(&show(*time)),
        }
    }

    /// How a row's value compares with this one.
    fn order_of(&self, value: &Value) -> std::cmp::Ordering {
        match self {
            Self::Text(text) => value.as_str().unwrap().cmp(text),
            Self::Number(number) => value.as_i64().unwrap().cmp(number),
            Self::Severity(severity) => rank(value.as_str().unwrap()).cmp(&rank(severity)),
            Self::Time(time) => value.as_str().unwrap().parse::<DateTime<Utc>>().unwrap().cmp(time),
        }
    }
}

pub fn rank(severity: &str) -> usize {
    SEVERITIES.iter().position(|other| *other == severity).unwrap()
}

/// A column and a value of its type.
fn typed(random: &mut StdRng) -> (&'static str, Literal) {
    match random.random_range(0..5) {
        0 => ("process_id", Literal::Number(random.random_range(0..6))),
        1 => ("query_id", Literal::Number(random.random_range(-3..4))),
        2 => ("error_severity", Literal::Severity(SEVERITIES.choose(random).unwrap())),
        3 => (
            "log_time",
            Literal::Time(noon() + TimeDelta::seconds(random.random_range(-9..9) * 21_600)),
        ),
        _ => {
            let texts = ["app", "App", "o'neil", "", "a", "A", "b", "40P01", "patroni.ha", "x%"];
            let text = (*texts.choose(random).unwrap()).to_owned();
            (
                ["user_name", "cluster", "pod", "sql_state_code"].choose(random).unwrap(),
                Literal::Text(text),
            )
        }
    }
}

pub fn word(random: &mut StdRng) -> String {
    (*WORDS.choose(random).unwrap()).to_owned()
}

/// In lower case as the database has it: one character for one.
pub fn lower(text: &str) -> String {
    text.replace('\u{130}', "i").to_lowercase()
}

/// A pattern of `LIKE`: words as they are, or escaped, and wildcards.
fn pattern(random: &mut StdRng) -> String {
    let mut pattern = String::new();
    for _ in 0..random.random_range(1..4) {
        match random.random_range(0..6) {
            0 => pattern.push('_'),
            1 | 2 => pattern.push('%'),
            _ => pattern.push_str(&word(random).replace('\\', "\\\\").replace('%', "\\%")),
        }
    }
    pattern
}

/// `LIKE`, as the manual says it.
pub fn is_like(text: &str, pattern: &str) -> bool {
    fn rest_is_like(text: &[char], pattern: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['%', rest @ ..] => (0..=text.len()).any(|skip| rest_is_like(&text[skip..], rest)),
            ['_', rest @ ..] => !text.is_empty() && rest_is_like(&text[1..], rest),
            ['\\', literal, rest @ ..] | [literal, rest @ ..] => {
                text.first() == Some(literal) && rest_is_like(&text[1..], rest)
            }
        }
    }
    let characters = |text: &str| text.chars().collect::<Vec<_>>();
    rest_is_like(&characters(text), &characters(pattern))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
