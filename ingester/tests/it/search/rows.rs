//! Random rows that are as hard to tell apart as can be, in the store and in memory.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value, json};
use tokio_postgres::Client;

/// A row as the API shows it, its table included.
pub type Row = Map<String, Value>;

/// Words with whatever patterns, quotes and cases could trip over.
pub const WORDS: [&str; 28] = [
    "deadlock",
    "DEADLOCK",
    "Public.Foo",
    "public.foo",
    "10.0.0.5",
    "10x0x0x5",
    "100%",
    "100 %",
    "a_b",
    "aXb",
    "it's",
    "\"q\"",
    "\\",
    "\\%",
    "🐘",
    "🐘🐘",
    "É",
    "é",
    "--",
    "/*",
    "a\nb",
    "tab\t",
    "'; DROP",
    "$1",
    // Beyond ASCII, but lowered to it.
    "\u{130}nvoice",
    "Invoice",
    "10\u{212a}",
    "10k",
];

pub const SEVERITIES: [&str; 13] = [
    "DEBUG5", "DEBUG4", "DEBUG3", "DEBUG2", "DEBUG1", "DEBUG", "LOG", "INFO", "NOTICE", "WARNING",
    "ERROR", "FATAL", "PANIC",
];

/// The middle of the time in which rows lie: four days, each a hypertable chunk.
pub fn noon() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-03-10T12:00:00Z").unwrap().to_utc()
}

pub fn show(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Makes rows and stores them.
pub async fn store(client: &Client, random: &mut StdRng, count: i64) -> Vec<Row> {
    let rows: Vec<Row> = (0..count).map(|at| row(random, at)).collect();
    for table in ["postgres", "patroni", "component"] {
        let of_table = rows.iter().filter(|row| row["table"] == table).cloned();
        let all = Value::Array(of_table.map(Value::Object).collect());
        let insert = format!(
            "INSERT INTO log.{table} SELECT * FROM jsonb_populate_recordset(NULL::log.{table}, $1)"
        );
        client.execute(&insert, &[&all]).await.unwrap();
    }
    client.batch_execute("SELECT log.recount(); SELECT log.compact_counts(200)").await.unwrap();
    rows
}

fn row(random: &mut StdRng, position: i64) -> Row {
    let table = *["postgres", "postgres", "patroni", "component"].choose(random).unwrap();
    // Many of the same moment, and some a microsecond apart.
    let seconds = random.random_range(-8..8) * 21_600;
    let time =
        noon() + TimeDelta::seconds(seconds) + TimeDelta::microseconds(random.random_range(0..2));
    let stream = format!(
        "0{0}0{0}0{0}0{0}-0{0}0{0}-0{0}0{0}-0{0}0{0}-0{0}0{0}0{0}0{0}0{0}0{0}",
        random.random_range(1..4)
    );
    let mut row = Row::new();
    row.insert("table".into(), table.into());
    row.insert("log_time".into(), show(time).into());
    row.insert("stream".into(), stream.into());
    row.insert("position".into(), position.into());
    let mut set = |name: &str, value: Value| {
        if !value.is_null() {
            row.insert(name.to_owned(), value);
        }
    };
    for name in ["namespace", "cluster", "pod", "role"] {
        set(name, one_of(random, &["a", "A", "b", ""]));
    }
    set("message", text(random));
    set("process_id", number(random, 1..5));
    let severity = Value::from(*SEVERITIES.choose(random).unwrap());
    if table == "postgres" || random.random_bool(0.7) {
        set("error_severity", severity);
    }
    match table {
        "postgres" => {
            for name in ["detail", "hint", "query", "context"] {
                set(name, if random.random_bool(0.6) { Value::Null } else { text(random) });
            }
            for name in ["user_name", "database_name", "application_name"] {
                set(name, one_of(random, &["app", "App", "o'neil", "", "x%"]));
            }
            set("sql_state_code", one_of(random, &["00000", "40P01", "42601"]));
            set("session_id", one_of(random, &["6b0370f7.19fe", "6b0370f7.19ff"]));
            set("query_id", number(random, -2..3));
            set(
                "session_start_time",
                match random.random_bool(0.3) {
                    true => Value::Null,
                    false => show(time - TimeDelta::seconds(random.random_range(0..7_200))).into(),
                },
            );
        }
        "patroni" => {
            set("logger", one_of(random, &["patroni.ha", "Patroni.HA", "patroni_ha"]));
            set("location", one_of(random, &["ha.py", "HA.PY"]));
            set("extra", json!({"level": text(random), "number": 1}));
        }
        _ => {
            set("component", one_of(random, &["pgbouncer", "PgBouncer", "pg_bouncer"]));
            set("escaped", if random.random_bool(0.5) { Value::Null } else { json!(["message"]) });
        }
    }
    row
}

fn one_of(random: &mut StdRng, texts: &[&str]) -> Value {
    match random.random_bool(0.25) {
        true => Value::Null,
        false => (*texts.choose(random).unwrap()).into(),
    }
}

fn number(random: &mut StdRng, range: std::ops::Range<i64>) -> Value {
    match random.random_bool(0.2) {
        true => Value::Null,
        false => random.random_range(range).into(),
    }
}

/// A few words, or none.
fn text(random: &mut StdRng) -> Value {
    let words = (0..random.random_range(0..4)).map(|_| *WORDS.choose(random).unwrap());
    words.collect::<Vec<_>>().join(" ").into()
}
