//! Conditions as people write them, and what becomes of them.

#![allow(clippy::unwrap_used, missing_docs)]

use chrono::{DateTime, Utc};
use trunkline_query::{Filter, FilterError, Param, Parameters, Scope, Sql};

fn now() -> DateTime<Utc> {
    moment("2026-01-31T12:00:00Z")
}

fn moment(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn read(table: &str, condition: &str) -> Result<Sql, FilterError> {
    let pairs = [("table", table), ("where", condition)];
    let mut parameters = Parameters::new(pairs)?;
    let filter = Filter::read(&mut parameters, now())?;
    parameters.finish()?;
    Ok(Sql::rows(&filter, &Scope::of(&filter, None, Default::default()), None))
}

#[track_caller]
fn check(condition: &str, expected: &str, params: &[Param]) {
    let sql = read("postgres", condition).unwrap();
    let (_, found) = sql.text.split_once(" WHERE TRUE AND ").unwrap();
    assert_eq!(found.split(" ORDER BY ").next().unwrap(), expected, "{condition}");
    assert_eq!(sql.params, params, "{condition}");
}

#[track_caller]
fn refused(condition: &str, position: usize, reason: &str) {
    let error = read("postgres", condition).unwrap_err();
    assert_eq!(error.parameter, "where");
    assert!(error.to_string().contains(reason), "{condition}: {error}");
    assert_eq!(error.position, Some(position), "{condition}: {error}");
}

fn text(text: &str) -> Param {
    Param::Text(text.to_owned())
}

#[test]
fn comparisons() {
    check("user_name = 'app'", "(user_name = $1)", &[text("app")]);
    check("'app' = USER_NAME", "($1 = user_name)", &[text("app")]);
    check("process_id >= 10", "(process_id >= $1)", &[Param::Int(10)]);
    check("query_id = -9223372036854775808", "(query_id = $1)", &[Param::Int(i64::MIN)]);
    check("error_severity >= 'error'", "(error_severity >= 'ERROR'::log.severity)", &[]);
    check(
        "position > 5 AND role <> ''",
        "((position > $1) AND (role <> $2))",
        &[Param::Int(5), text("")],
    );
    check(
        "pod = 'a' OR pod = 'b' OR NOT (pod IN ('c', 'd'))",
        "((pod = $1) OR (pod = $2) OR (NOT (pod IN ($3, $4))))",
        &[text("a"), text("b"), text("c"), text("d")],
    );
    check(
        "process_id NOT BETWEEN 1 AND 9",
        "(NOT ((process_id >= $1) AND (process_id <= $2)))",
        &[Param::Int(1), Param::Int(9)],
    );
    check("hint IS NOT NULL", "(hint IS NOT NULL)", &[]);
    check("escaped IS NULL", "(escaped IS NULL)", &[]);
    check("(user_name = 'a') IS NOT TRUE", "((user_name = $1) IS NOT TRUE)", &[text("a")]);
    check("user_name IS DISTINCT FROM 'a'", "(user_name IS DISTINCT FROM $1)", &[text("a")]);
    check("1 = 1", "($1 = $2)", &[Param::Int(1), Param::Int(1)]);
    check(
        "stream = '01010101-0101-0101-0101-010101010101'",
        "(stream = $1)",
        &[Param::Stream(trunkline_record::StreamId([1; 16]))],
    );
}

#[test]
fn texts() {
    check(r"message LIKE '100\%'", "(message LIKE $1)", &[text(r"100\%")]);
    check("message NOT ILIKE '%It''s%'", "(message NOT ILIKE $1)", &[text("%It's%")]);
    check("message ~* '^a.*b$'", "(message ~* $1)", &[text("^a.*b$")]);
    check("lower(hint) = 'x'", "(lower(hint) = $1)", &[text("x")]);
    check(
        "coalesce(detail, hint, '') <> ''",
        "(coalesce(detail, hint, $1) <> $2)",
        &[text(""), text("")],
    );
    check("starts_with(query, 'SELECT')", "starts_with(query, $1)", &[text("SELECT")]);
    check("length(message) > 100", "(length(message) > $1)", &[Param::Int(100)]);
    check("extra ->> 'level' = 'x'", "((extra ->> $1) = $2)", &[text("level"), text("x")]);
    check(
        "error_severity::text LIKE 'DEBUG%'",
        "(error_severity::text LIKE $1)",
        &[text("DEBUG%")],
    );
}

#[test]
fn moments_and_intervals() {
    let hour_ago = Param::Time(moment("2026-01-31T11:00:00Z"));
    for condition in [
        "log_time > now() - interval '1 hour'",
        "log_time > now() - INTERVAL '60' MINUTE",
        "log_time > '-1h'",
        "log_time > '2026-01-31 11:00'",
        "log_time > timestamptz '2026-01-31 12:00:00+01'",
        "log_time > '2026-01-31T11:00:00Z'::timestamptz",
        "log_time > interval '30 min' + now() - '90 min'",
        "log_time > current_timestamp + - interval '1h'",
    ] {
        check(condition, "(log_time > $1)", std::slice::from_ref(&hour_ago));
    }
    let end_of_month = Param::Time(moment("2025-11-30T12:00:00Z"));
    check("log_time > now() - interval '2 months'", "(log_time > $1)", &[end_of_month]);
    check(
        "log_time - session_start_time > interval '1 month 90 s'",
        "((log_time - session_start_time) > make_interval(months => $1::integer, secs => $2))",
        &[Param::Int(1), Param::Float(90.0)],
    );
}

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    refused("sevrity = 'x'", 1, "log.postgres");
    refused("pod = 'a' AND\nuser_nam = 'x'", 15, "did you mean \"user_name\"?");
    refused("user = 'app'", 1, "did you mean \"user_name\"?");
    refused("severity = 'ERROR'", 1, "did you mean \"error_severity\"?");
    refused("lowr(pod) = 'a'", 1, "did you mean \"lower\"?");
    refused("pod = ", 7, "can't be read");
    refused("pod = 'a", 7, "can't be read");
    refused("pod = 'a' pod", 11, "no way to go on with pod");
    refused("é = 1 OR pod = 'ä' OR pod = 7", 1, "names no column");
    refused("pod = 'ä' OR pod = 7", 20, "number where a text is needed");
    refused("process_id = 'x'", 14, "whole number");
    refused("process_id = 0.5", 14, "whole number");
    refused("error_severity = 'BAD'", 18, "PANIC");
    refused("log_time > 'soon'", 12, "moment");
    refused("log_time > now() - interval '1 fortnight'", 29, "interval");
    refused("pod", 1, "a text where a condition is needed");
    refused("pod = NULL", 7, "IS NULL");
    refused("log_time + log_time > now()", 1, "moments and intervals");
    refused("extra = 'x'", 1, "JSON");
    refused("message LIKE pod", 14, "no literal");
    refused(r"message LIKE 'a\'", 14, "backslash");
    refused("pod = E'\\x00'", 7, "can't be read");
    refused("postgres.pod = 'a'", 1, "without their table");
}

#[test]
fn what_is_not_in_the_list_is_refused() {
    for condition in [
        "pod = (SELECT 'a')",
        "EXISTS (SELECT 1)",
        "pod IN (SELECT pod FROM log.stream)",
        "pg_sleep(10) IS NULL",
        "pod = current_user",
        "current_setting('x') = 'y'",
        "pod = pg_read_file('/etc/passwd')",
        "lower(DISTINCT pod) = 'a'",
        "length(pod) OVER () = 1",
        "pod = ANY (ARRAY['a'])",
        "pod COLLATE \"C\" = 'a'",
        "CASE WHEN TRUE THEN TRUE END",
        "pod || pod = 'a'",
        "process_id / 0 = 1",
        "ROW(1, 2) = ROW(1, 2)",
        "pod SIMILAR TO 'a'",
        "pod = $1",
        "pod = 'a'; DROP TABLE log.postgres",
        "pod = 'a' UNION SELECT 1",
        "TRUE) OR (TRUE",
        "log_time AT TIME ZONE 'UTC' > now()",
        "xmin = '1'",
        "tableoid::regclass::text = 'a'",
        "\"table\" = 'postgres'",
        "pod LIKE 'a' ESCAPE 'b'",
        "count(*) > 1",
        "pg_catalog.now() > log_time",
        "log_time > now() - interval '101 years'",
        "log_time > '10000-01-01'",
        "pod = U&'\\0000'",
    ] {
        assert!(read("all", condition).is_err(), "{condition}");
    }
}

#[test]
fn a_table_has_its_own_columns() {
    assert!(read("patroni", "logger = 'patroni.ha'").is_ok());
    assert!(read("patroni", "user_name = 'a'").is_err());
    let sql = read("all", "user_name = 'a' OR logger = 'b' OR component = 'c'").unwrap().text;
    assert!(sql.contains("((user_name = $1) OR (NULL::text = $2) OR (NULL::text = $3))"), "{sql}");
}

#[test]
fn what_is_too_long_or_too_deep_is_refused() {
    for condition in [
        "TRUE AND ".repeat(500) + "TRUE",
        "NOT ".repeat(200) + "TRUE",
        "(".repeat(100) + "TRUE" + &")".repeat(100),
        "interval '1 s' + ".repeat(200) + "interval '1 s' > interval '0 s'",
    ] {
        assert!(read("postgres", &condition).is_err(), "{condition}");
    }
    assert!(read("postgres", &("TRUE AND ".repeat(400) + "TRUE")).is_ok());
}
