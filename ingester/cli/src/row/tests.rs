//! What a row looks like to a person.

use super::*;

fn shown(json: &str) -> String {
    let mut out = String::new();
    Row::read(json.as_bytes()).unwrap().show(Zone::Utc, &mut out);
    anstream::adapter::strip_str(&out).to_string()
}

#[test]
fn a_server_s_error_shows_where_it_comes_from_and_what_it_was_about() {
    let row = r#"{"log_time":"2026-11-23T06:41:07.123456Z","cluster":"orders","pod":"orders-0","error_severity":"ERROR",
        "sql_state_code":"42P01","user_name":"app","database_name":"shop","process_id":4711,
        "message":"relation \"ordres\" does not exist","query":"SELECT *\nFROM ordres","position":7}"#;
    assert_eq!(
        shown(row),
        "2026-11-23 06:41:07.123 UTC orders/orders-0 ERROR 42P01 app@shop[4711] relation \"ordres\" does not exist\n    \
         STATEMENT: SELECT *\n    FROM ordres\n"
    );
}

#[test]
fn what_succeeded_has_no_code_and_what_is_null_no_place() {
    let row = r#"{"log_time":"2026-11-23T06:41:07Z","error_severity":"LOG","sql_state_code":"00000","message":"ready"}"#;
    assert_eq!(shown(row), "2026-11-23 06:41:07.000 UTC LOG ready\n");
}

#[test]
fn a_message_can_t_command_the_terminal() {
    let mut out = String::new();
    let row = r#"{"message":"\u001b[2Jgone \u0007 \u009b31m \u202etxt","user_name":"a\nb"}"#;
    Row::read(row.as_bytes()).unwrap().show(Zone::Utc, &mut out);
    assert!(
        !out.contains("\u{1b}[2J") && !out.contains(['\u{7}', '\u{9b}', '\u{202e}']),
        "{out:?}"
    );
    let out = anstream::adapter::strip_str(&out).to_string();
    assert_eq!(out, "a\\nb \\u{1b}[2Jgone \\u{7} \\u{9b}31m \\u{202e}txt\n");
}

#[test]
fn an_unknown_column_is_no_trouble() {
    assert_eq!(shown(r#"{"message":"m","of_tomorrow":{"a":[1]}}"#), "m\n");
}
