//! What holds of every request, on saved seeds and on random ones: the fuzz target's promise, which anyone can run.

// Tests panic, and so does what they share with the fuzz target.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../fuzz/src/lib.rs"]
mod target;

use std::fs;
use std::path::Path;

use chrono::DateTime;
use proptest::prelude::*;

#[test]
fn every_seed_is_refused_or_becomes_a_statement_of_our_words() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/filter");
    let mut count = 0;
    for entry in fs::read_dir(seeds).unwrap() {
        let path = entry.unwrap().path();
        // A panic shows which one it was.
        eprintln!("{}", path.display());
        target::filter(&fs::read(&path).unwrap());
        count += 1;
    }
    assert!(count > 10);
}

/// What a condition is made of, and what somebody who means harm would try.
const PIECES: &[&str] = &[
    "user_name",
    "message",
    "process_id",
    "log_time",
    "error_severity",
    "stream",
    "extra",
    "escaped",
    "\"pod\"",
    "table",
    "user",
    "postgres.pod",
    "'a'",
    "''",
    "'it''s'",
    "'ERROR'",
    "'2026-01-31'",
    "'%a_'",
    r"'\'",
    r"E'\x41'",
    "$$a$$",
    "N'a'",
    "1",
    "-1",
    "0.5",
    "9223372036854775808",
    "NULL",
    "TRUE",
    "now()",
    "interval '1 hour'",
    "INTERVAL '5' MINUTE",
    "=",
    "<>",
    ">=",
    "<",
    "+",
    "-",
    "||",
    "->>",
    "~",
    "!~*",
    "LIKE",
    "NOT ILIKE",
    "SIMILAR TO",
    "IN (",
    "(",
    ")",
    ",",
    "AND",
    "OR",
    "NOT",
    "BETWEEN",
    "IS NULL",
    "IS NOT TRUE",
    "IS DISTINCT FROM",
    "ANY (",
    "::text",
    "::interval",
    "CAST(",
    "AS text",
    "lower(",
    "coalesce(",
    "pg_sleep(",
    "current_user",
    "SELECT",
    "(SELECT 1)",
    "; DROP TABLE log.postgres",
    "--",
    "/*",
    "*/",
    "CASE WHEN",
    "END",
    "ESCAPE",
    "$1",
    "?",
    ":x",
    "@",
    "ARRAY[",
    "]",
    "ROW(",
    "EXTRACT(hour FROM",
    "COLLATE \"C\"",
    "AT TIME ZONE 'UTC'",
    "🐘",
    "é",
    "\n",
    "\t",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_condition_reaches_the_statement(pieces in prop::collection::vec(prop::sample::select(PIECES), 1..12)) {
        let condition = pieces.join(" ");
        let _ = target::request([("where", condition.as_str()), ("table", "all")], DateTime::UNIX_EPOCH);
    }

    #[test]
    fn no_parameter_reaches_the_statement(
        name in "(namespace|user|sqlstate|session|text|regex|where|cursor|from|limit)!?", value: String,
    ) {
        let _ = target::request([(name.as_str(), value.as_str())], DateTime::UNIX_EPOCH);
    }

    // Values that stand where the same kind of value stood leave the statement as it was.
    #[test]
    fn a_condition_with_other_values_is_the_same_statement(text in "[^'\0]*", number: i64, pattern in "[a-z%_]*") {
        let of = |text: &str, number: i64, pattern: &str| {
            let condition = format!(
                "user_name = '{text}' AND query_id <> {number} AND lower(detail) LIKE '{pattern}' OR extra ->> '{text}' ~ '{pattern}'"
            );
            target::request([("where", condition.as_str())], DateTime::UNIX_EPOCH).map(|sql| sql.text)
        };
        prop_assume!(text.chars().count() < 1_000);
        prop_assert_eq!(of(&text, number, &pattern), of("x", 1, "y"));
    }
}
