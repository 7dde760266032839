//! A random request, and the rows that it must find.

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::Value;

use super::condition::{Condition, REGEXES, Regex, lower, rank, word};
use super::rows::{Row, SEVERITIES, noon, show};

/// What is asked.
#[derive(Debug)]
pub struct Request {
    table: &'static str,
    ascending: bool,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    /// Parameter, column, values, denied.
    fields: Vec<(&'static str, &'static str, Vec<&'static str>, bool)>,
    /// Text, denied.
    texts: Vec<(String, bool)>,
    regexes: Vec<(&'static Regex, bool)>,
    conditions: Vec<Condition>,
}

const FIELDS: [(&str, &str, &[&str]); 15] = [
    ("namespace", "namespace", &["a", "A", ""]),
    ("cluster", "cluster", &["a", "b", "", "c"]),
    ("pod", "pod", &["a", "A", "b", ""]),
    ("role", "role", &["a", ""]),
    ("severity", "error_severity", &["ERROR", "LOG", "DEBUG1", "PANIC", ""]),
    ("min_severity", "error_severity", &SEVERITIES),
    ("user", "user_name", &["app", "App", "o'neil", "x%", ""]),
    ("database", "database_name", &["app", "App", ""]),
    ("application", "application_name", &["o'neil", "x%", ""]),
    ("backend_type", "backend_type", &["client backend", ""]),
    ("sqlstate", "sql_state_code", &["40P01", "00000", ""]),
    ("pid", "process_id", &["1", "2", "3", ""]),
    ("session", "session_id", &["6b0370f7.19fe", ""]),
    ("query_id", "query_id", &["-2", "0", "1", ""]),
    ("component", "component", &["pgbouncer", "PgBouncer", ""]),
];

impl Request {
    pub fn everything() -> Self {
        Self {
            table: "all",
            ascending: false,
            from: None,
            to: None,
            fields: Vec::new(),
            texts: Vec::new(),
            regexes: Vec::new(),
            conditions: Vec::new(),
        }
    }

    pub fn random(random: &mut StdRng) -> Self {
        let moment =
            |random: &mut StdRng| noon() + TimeDelta::seconds(random.random_range(-9..9) * 21_600);
        // Columns of one table only are asked of all, or of none.
        let table =
            *["all", "all", "all", "postgres", "patroni", "component"].choose(random).unwrap();
        let mut request = Self { table, ascending: random.random_bool(0.5), ..Self::everything() };
        request.from = random.random_bool(0.2).then(|| moment(random));
        request.to = random.random_bool(0.2).then(|| moment(random)).max(request.from);
        if request.to == request.from {
            request.to = None;
        }
        for _ in 0..random.random_range(0..3) {
            let (name, column, values) = FIELDS.choose(random).unwrap();
            let everywhere =
                ["namespace", "cluster", "pod", "role", "severity", "min_severity", "pid"];
            if table == "all" || everywhere.contains(name) {
                let count = random.random_range(1..3);
                let values = (0..count).map(|_| *values.choose(random).unwrap()).collect();
                let is_new = request.fields.iter().all(|(other, ..)| other != name);
                if is_new {
                    request.fields.push((name, column, values, random.random_bool(0.4)));
                }
            }
        }
        if random.random_bool(0.3) {
            let text =
                if random.random_bool(0.5) { word(random) } else { word(random).to_uppercase() };
            request.texts.push((text, random.random_bool(0.3)));
        }
        if random.random_bool(0.15) {
            let cased: Vec<_> = REGEXES.iter().filter(|regex| !regex.any_case).collect();
            request.regexes.push((cased.choose(random).unwrap(), random.random_bool(0.3)));
        }
        if table == "all" && random.random_bool(0.5) {
            request.conditions.push(Condition::random(random, 3));
        }
        request
    }

    /// What of it can be asked of all tables.
    pub fn of_all_tables(&mut self) {
        self.table = "all";
    }

    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = vec![("table".to_owned(), self.table.to_owned())];
        let mut add = |name: &str, denied: bool, value: &str| {
            pairs.push((format!("{name}{}", if denied { "!" } else { "" }), value.to_owned()));
        };
        for (name, moment) in [("from", self.from), ("to", self.to)] {
            if let Some(moment) = moment {
                add(name, false, &show(moment));
            }
        }
        if self.ascending {
            add("order", false, "asc");
        }
        for (name, _, values, denied) in &self.fields {
            values.iter().for_each(|value| add(name, *denied, value));
        }
        self.texts.iter().for_each(|(text, denied)| add("text", *denied, text));
        self.regexes.iter().for_each(|(regex, denied)| add("regex", *denied, regex.pattern));
        self.conditions.iter().for_each(|condition| add("where", false, &condition.sql()));
        pairs
    }

    /// What a look at every row gives, as the API shows it.
    pub fn look_at(&self, rows: &[Row]) -> Vec<Value> {
        let place = |row: &Row| {
            let time: DateTime<Utc> = row["log_time"].as_str().unwrap().parse().unwrap();
            (time, row["stream"].as_str().unwrap().to_owned(), row["position"].as_i64().unwrap())
        };
        let mut found: Vec<_> = rows.iter().filter(|row| self.is_met_by(row)).collect();
        found.sort_by_key(|row| place(row));
        if !self.ascending {
            found.reverse();
        }
        let shown = found.into_iter().map(|row| {
            let mut row = row.clone();
            if self.table != "all" {
                row.remove("table");
            }
            Value::Object(row)
        });
        shown.collect()
    }

    fn is_met_by(&self, row: &Row) -> bool {
        let time: DateTime<Utc> = row["log_time"].as_str().unwrap().parse().unwrap();
        let table = row["table"].as_str().unwrap();
        let columns: &[&str] = match table {
            "postgres" => &["message", "detail", "hint", "query", "context"],
            "patroni" => &["message", "logger", "location"],
            _ => &["message", "component"],
        };
        let texts: Vec<_> =
            columns.iter().filter_map(|column| row.get(*column)?.as_str()).collect();
        (self.table == "all" || self.table == table)
            && self.from.is_none_or(|from| from <= time)
            && self.to.is_none_or(|to| time < to)
            && self.fields.iter().all(|(name, column, values, denied)| {
                let has = values.iter().any(|value| has_value(row.get(*column), name, value));
                has != *denied
            })
            && self.texts.iter().all(|(part, denied)| {
                let part = lower(part);
                texts.iter().any(|text| lower(text).contains(&part)) != *denied
            })
            && self
                .regexes
                .iter()
                .all(|(regex, denied)| texts.iter().any(|text| (regex.matches)(text)) != *denied)
            && self.conditions.iter().all(|condition| condition.truth(row) == Some(true))
    }
}

fn has_value(found: Option<&Value>, name: &str, wanted: &str) -> bool {
    match (found, wanted, name) {
        (None, wanted, _) => wanted.is_empty(),
        (Some(_), "", _) => false,
        (Some(found), wanted, "min_severity") => rank(found.as_str().unwrap()) >= rank(wanted),
        (Some(Value::String(found)), wanted, _) => found == wanted,
        (Some(Value::Number(found)), wanted, _) => found.to_string() == wanted,
        (Some(found), wanted, name) => panic!("{name} {found} is compared with {wanted}"),
    }
}
