//! JSON objects of each writer, line by line.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::*;
use crate::{Field, escape};

/// 2026-11-22 22:46:17.001 UTC.
const MOMENT: i64 = 1_795_387_577_001_000;
const FALLBACK: Timestamp = Timestamp { unix_micros: 5_000_000, digits: 6 };

/// A record as JSON: its columns by name, times as microseconds, `extra` as it is.
fn read_with(settings: &LogSettings, line: &[u8]) -> Result<Json, Reason> {
    let mut reader = ObjectReader::new(settings);
    let record = reader.read(line, Some(FALLBACK))?;
    let mut json = Map::new();
    json.insert("table".to_owned(), record.table.name().into());
    for column in Column::ALL {
        let value = match record.get(column) {
            None => continue,
            Some(Field::Text(text)) => escape::to_text(text).into(),
            Some(Field::Int(value)) => value.into(),
            Some(Field::Time(time)) => time.unix_micros.into(),
            Some(Field::Severity(severity)) => severity.as_str().into(),
        };
        json.insert(column.name().to_owned(), value);
    }
    if let Some(word) = record.severity_as_written {
        json.insert("as_written".to_owned(), escape::to_text(word).into());
    }
    if let Some(extra) = record.extra {
        json.insert("extra".to_owned(), serde_json::from_slice(extra).unwrap());
    }
    Ok(json.into())
}

fn read(line: &[u8]) -> Result<Json, Reason> {
    read_with(&LogSettings::default(), line)
}

#[track_caller]
fn check(line: &str, expected: Json) {
    assert_eq!(read(line.as_bytes()), Ok(expected.clone()), "{line}");
    assert_eq!(read(format!("{line}\r\n").as_bytes()), Ok(expected), "{line} and its line end");
}

mod cloudnative {
    use super::*;

    /// As the manager writes it: all columns, or without the empty ones.
    fn line(record: &str) -> String {
        format!(
            r#"{{"level":"info","ts":"2026-11-22T22:46:17.002123456Z","logger":"postgres","msg":"record","record":{record},"logging_pod":"orders-1"}}"#
        )
    }

    #[test]
    fn a_record_has_csvlogs_columns() {
        check(
            &line(concat!(
                r#"{"log_time":"2026-11-22 22:46:17.001 UTC","user_name":"web","database_name":"sh\"op","process_id":"934","connection_from":"::1:48856","#,
                r#""session_id":"6b036f8e.3a6","session_line_num":"5","command_tag":"SELECT","session_start_time":"2026-11-22 22:46:17 UTC","#,
                r#""virtual_transaction_id":"3/0","transaction_id":"7","error_severity":"ERROR","sql_state_code":"22012","message":"a\nb\u2028","#,
                r#""detail":"d","hint":"h","internal_query":"i","internal_query_pos":"3","context":"c","query":"q","query_pos":"8","#,
                r#""location":"f, x.c:453","application_name":"psql","backend_type":"client backend","leader_pid":"9","query_id":"-36"}"#,
            )),
            json!({
                "table": "postgres", "log_time": MOMENT, "user_name": "web", "database_name": "sh\"op", "process_id": 934,
                "connection_from": "::1:48856", "session_id": "6b036f8e.3a6", "session_line_num": 5, "command_tag": "SELECT",
                "session_start_time": MOMENT - 1000, "virtual_transaction_id": "3/0", "transaction_id": 7, "error_severity": "ERROR",
                "sql_state_code": "22012", "message": "a\nb\u{2028}", "detail": "d", "hint": "h", "internal_query": "i",
                "internal_query_pos": 3, "context": "c", "query": "q", "query_pos": 8, "location": "f, x.c:453",
                "application_name": "psql", "backend_type": "client backend", "leader_pid": 9, "query_id": -36,
            }),
        );
    }

    #[test]
    fn empty_columns_are_null_and_what_is_new_is_kept() {
        check(
            &line(concat!(
                r#"{"log_time":"2026-11-22 22:46:17.001 UTC","user_name":"","internal_query_pos":"","error_severity":"LOG","#,
                r#""message":"m","a column to come":"x"}"#,
            ))
            .replace(r#","logging_pod""#, r#","caller":"x.go:1","logging_pod""#),
            json!({
                "table": "postgres", "log_time": MOMENT, "error_severity": "LOG", "message": "m",
                "extra": {"a column to come": "x", "caller": "x.go:1"},
            }),
        );
    }

    #[test]
    fn an_audit_record_keeps_its_parts() {
        check(
            &line(concat!(
                r#"{"log_time":"2026-11-22 22:46:17.001 UTC","error_severity":"LOG","sql_state_code":"00000","#,
                r#""audit":{"audit_type":"SESSION","statement_id":"1","command":"SELECT","statement":"SELECT 'é\u0000'"}}"#,
            ))
            .replace(r#""logger":"postgres""#, r#""logger":"pgaudit""#),
            json!({
                "table": "postgres", "log_time": MOMENT, "error_severity": "LOG", "sql_state_code": "00000",
                "extra": {
                    "audit": {"audit_type": "SESSION", "statement_id": "1", "command": "SELECT", "statement": "SELECT 'é\\x00'"},
                    "trunkline_escaped": ["audit"],
                },
            }),
        );
    }

    #[test]
    fn what_the_manager_itself_says_is_a_components() {
        check(
            r#"{"level":"warning","ts":1795387577.001,"logger":"wal-archive","msg":"failed","error":"no","logging_pod":"orders-1"}"#,
            json!({
                "table": "component", "log_time": MOMENT, "component": "wal-archive", "error_severity": "WARNING", "message": "failed",
                "extra": {"error": "no", "logging_pod": "orders-1"},
            }),
        );
        check(
            r#"{"level":"info","ts":"2026-11-22T22:46:17.001002003Z","logger":"postgres","msg":"2026-11-22 LOG:  x","source":"/controller/log/postgres"}"#,
            json!({
                "table": "component", "log_time": MOMENT + 2, "component": "postgres", "error_severity": "INFO",
                "message": "2026-11-22 LOG:  x",
                // The nanoseconds are more than log_time holds.
                "extra": {"ts": "2026-11-22T22:46:17.001002003Z", "source": "/controller/log/postgres"},
            }),
        );
    }

    #[test]
    fn a_record_that_cant_be_read_says_why() {
        for (record, reason) in [
            (r#"{"error_severity":"LOG"}"#, Reason::Value(Column::LogTime)),
            (r#"{"log_time":"2026-11-22 22:46:17.001 UTC"}"#, Reason::Value(Column::ErrorSeverity)),
            (
                r#"{"log_time":"2026-11-22 22:46:17.001 NOPE","error_severity":"LOG"}"#,
                Reason::Value(Column::LogTime),
            ),
            (
                r#"{"log_time":"2026-11-22 22:46:17.001 UTC","error_severity":"LOG","process_id":"x"}"#,
                Reason::Value(Column::ProcessId),
            ),
            (
                r#"{"log_time":"2026-11-22 22:46:17.001 UTC","error_severity":"LOG","process_id":7}"#,
                Reason::Value(Column::ProcessId),
            ),
        ] {
            assert_eq!(read(line(record).as_bytes()), Err(reason), "{record}");
        }
    }
}

mod patroni {
    use super::*;

    #[test]
    fn python_attributes_have_their_columns() {
        check(
            concat!(
                r#"{"asctime": "2026-11-22 22:46:17,001", "levelname": "CRITICAL", "message": "m\u00e9", "name": "patroni.ha", "threadName": "MainThread","#,
                r#" "process": 4711, "funcName": "run_cycle", "pathname": "/p/ha.py", "filename": "ha.py", "lineno": 17, "thread": 140, "app": "patroni"}"#,
            ),
            json!({
                "table": "patroni", "log_time": MOMENT, "error_severity": "FATAL", "message": "mé", "logger": "patroni.ha",
                "thread": "MainThread", "process_id": 4711, "location": "run_cycle, /p/ha.py:17",
                "extra": {"filename": "ha.py", "thread": 140, "app": "patroni"},
            }),
        );
    }

    #[test]
    fn keys_may_be_renamed() {
        check(
            r#"{"message": "m", "module": "ha", "@timestamp": "2026-11-22 22:46:17,001", "level": "INFO", "app": "patroni"}"#,
            json!({
                "table": "patroni", "log_time": MOMENT, "error_severity": "INFO", "message": "m", "location": "ha",
                "extra": {"app": "patroni"},
            }),
        );
        check(
            r#"{"when": "2026-11-22 22:46:17,001", "text": "m"}"#,
            json!({"table": "patroni", "log_time": MOMENT, "extra": {"text": "m"}}),
        );
    }

    #[test]
    fn the_configured_date_format_reads_its_time() {
        let format = PatroniFormat::new(PatroniFormat::DEFAULT, Some("%d.%m.%Y %H:%M:%S")).unwrap();
        let settings = LogSettings {
            patroni_format: Some(format),
            log_timezone: "Europe/Berlin".parse().unwrap(),
            ..LogSettings::default()
        };
        let line = br#"{"time": "22.11.2026 23:46:17", "severity": "AUDIT", "message": "m"}"#;
        let expected = json!({"table": "patroni", "log_time": MOMENT - 1000, "as_written": "AUDIT", "message": "m"});
        assert_eq!(read_with(&settings, line), Ok(expected));
        let other = br#"{"ts":"2026-11-22T22:46:17.001Z","level":"info","caller":"etcdserver/server.go:851","msg":"m"}"#;
        assert_eq!(read_with(&settings, other).unwrap()["table"], "component");
    }

    #[test]
    fn a_traceback_follows_its_message_as_in_text() {
        let expected = |message: &str| json!({"table": "patroni", "log_time": MOMENT, "error_severity": "ERROR", "message": message});
        let line = |rest: &str| {
            format!(r#"{{"asctime": "2026-11-22 22:46:17,001", "levelname": "ERROR", {rest}}}"#)
        };
        check(&line(r#""message": "m", "exc_info": "Trace\n  x""#), expected("m\nTrace\n  x"));
        check(
            &line(r#""message": "m\n", "exc_info": "T", "stack_info": "S""#),
            expected("m\nT\nS"),
        );
        check(&line(r#""message": "", "exc_info": ["T", "", "x\u00e9"]"#), expected("\nT\n\nxé"));
        check(&line(r#""message": "m", "exc_info": null, "stack_info": null"#), expected("m"));
        let odd = &line(r#""message": "m", "exc_info": [["T"]]"#);
        assert_eq!(read(odd.as_bytes()).unwrap()["extra"], json!({"exc_info": [["T"]]}));
    }

    #[test]
    fn a_real_patronis_log_is_read() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/corpus");
        let file = "patroni/pg-ord-1/patroni.log";
        let mut all: Json =
            serde_json::from_slice(&std::fs::read(root.join("expected.json")).unwrap()).unwrap();
        let expected = all["files"][file].take();
        let log = std::fs::read(root.join(file)).unwrap();
        let mut reader = ObjectReader::new(&LogSettings::default());
        let (mut records, mut multiline, mut levels) = (0, 0, BTreeMap::<&str, u64>::new());
        for line in log.split_inclusive(|byte| *byte == b'\n') {
            let written: Json = serde_json::from_slice(line).unwrap();
            let record = reader.read(line, None).unwrap();
            assert_eq!((record.table, record.extra), (Table::Patroni, None));
            let mut message = written["message"].as_str().unwrap().to_owned();
            if let Some(trace) = written["exc_info"].as_str() {
                message = message + "\n" + trace;
            }
            assert_eq!(record.text(Column::Message), Some(message.as_bytes()));
            multiline += u64::from(message.contains('\n'));
            *levels.entry(record.error_severity.unwrap().as_str()).or_default() += 1;
            records += 1;
        }
        assert_eq!(json!(records), expected["records"]);
        assert_eq!(json!(levels), expected["by_severity"]);
        assert_eq!(json!(multiline), expected["multiline_records"]);
    }
}

mod jsonlog {
    use super::*;

    const LINE: &str = r#"{"timestamp":"2026-11-22 17:46:17.001 EST","pid":934,"session_id":"6b.3a6","error_severity":"LOG","message":"m","backend_type":"postmaster"}"#;

    #[test]
    fn a_servers_own_line_is_read() {
        check(
            LINE,
            json!({
                "table": "postgres", "log_time": MOMENT, "process_id": 934, "session_id": "6b.3a6", "error_severity": "LOG",
                "sql_state_code": "00000", "message": "m", "backend_type": "postmaster",
            }),
        );
    }

    #[test]
    fn what_has_no_column_is_kept() {
        let line = LINE.replace(
            r#""backend_type""#,
            r#""backtrace":"\nerrfinish+0x5b [0x1]\nmain","to come":{"a":[1,"\u0000"]},"backend_type""#,
        );
        let read = read(line.as_bytes()).unwrap();
        assert_eq!(
            read["extra"],
            json!({
                "backtrace": "\nerrfinish+0x5b [0x1]\nmain",
                "to come": {"a": [1, "\\x00"]},
                "trunkline_escaped": ["to come"],
            })
        );
        assert_eq!(read["backend_type"], "postmaster");
    }

    #[test]
    fn one_that_cant_be_read_says_why() {
        let reason = Err(Reason::Value(Column::LogTime));
        assert_eq!(read(LINE.replace("EST", "NOPE").as_bytes()), reason);
        assert_eq!(read(&LINE.as_bytes()[..60]), Err(Reason::Json));
    }

    #[test]
    fn a_programs_own_timestamp_makes_no_jsonlog() {
        check(
            r#"{"timestamp":"2026-11-22T22:46:17.001Z","level":"warn","message":"m"}"#,
            json!({"table": "component", "log_time": MOMENT, "error_severity": "WARNING", "message": "m"}),
        );
    }
}

mod others {
    use super::*;

    #[test]
    fn usual_keys_have_their_columns_and_the_rest_is_kept() {
        check(
            r#"{"level":"info","ts":"2026-11-22T22:46:17.001Z","caller":"etcdserver/server.go:851","msg":"started","nested":{"a":[1.50,true,null,"\u00e9"]},"pid":12}"#,
            json!({
                "table": "component", "log_time": MOMENT, "error_severity": "INFO", "process_id": 12, "message": "started",
                "extra": {"caller": "etcdserver/server.go:851", "nested": {"a": [1.5, true, null, "é"]}},
            }),
        );
        check(
            r#"{ "time" : 1795387577001 , "lvl" : "trace" , "log" : "m" , "service" : "pgbouncer", "level": 30 }"#,
            json!({
                "table": "component", "log_time": MOMENT, "error_severity": "DEBUG5", "as_written": "trace", "message": "m",
                "component": "pgbouncer", "extra": {"level": 30},
            }),
        );
    }

    #[test]
    fn a_record_without_a_time_has_the_lines() {
        check(
            r#"{"msg":"m"}"#,
            json!({"table": "component", "log_time": FALLBACK.unix_micros, "message": "m"}),
        );
        // What isn't a time stays what it is.
        check(
            r#"{"msg":{"a":1},"time":"soon"}"#,
            json!({"table": "component", "log_time": FALLBACK.unix_micros, "extra": {"msg": {"a": 1}, "time": "soon"}}),
        );
        let mut reader = ObjectReader::new(&LogSettings::default());
        let nothing = reader.read(b"{\"msg\":\"m\"}", None).map(|record| record.log_time);
        assert_eq!(nothing, Err(Reason::Value(Column::LogTime)));
    }

    #[test]
    fn a_key_that_stands_twice_loses_nothing() {
        check(
            r#"{"msg":"a","msg":"b","x":1,"y":2,"\u0078":3}"#,
            json!({
                "table": "component", "log_time": FALLBACK.unix_micros, "message": "a",
                "extra": {"msg": "b", "x": [1, 3], "y": 2},
            }),
        );
    }

    #[test]
    fn bytes_that_no_json_may_hold_come_out() {
        let line = b"{\"msg\":\"caf\xe9 \\u0000 \\ud83d\\udc18 \\ud83d\",\"x\\u0000\":\"\xff\\\\\",\"y\":\"\t\\\\\",\"z\":\"\\\\\"}";
        let mut reader = ObjectReader::new(&LogSettings::default());
        let record = reader.read(line, Some(FALLBACK)).unwrap();
        let message = record.text(Column::Message).unwrap();
        assert_eq!(message, b"caf\xe9 \0 \xf0\x9f\x90\x98 \xed\xa0\xbd");
        let extra: Json = serde_json::from_slice(record.extra.unwrap()).unwrap();
        assert_eq!(
            extra,
            json!({"x\\x00": "\\xff\\\\", "y": "\t\\\\", "z": "\\", "trunkline_escaped": ["x\\x00", "y"]})
        );
    }

    #[test]
    fn numbers_and_words_that_readers_refuse_become_texts() {
        let long = "1".repeat(100);
        check(
            &format!(r#"{{"a":1e999,"b":NaN,"c":[-Infinity,{long}],"d":-0.5e-3}}"#),
            json!({
                "table": "component", "log_time": FALLBACK.unix_micros,
                "extra": {"a": "1e999", "b": "NaN", "c": ["-Infinity", long], "d": -0.0005},
            }),
        );
    }

    #[test]
    fn what_cant_be_followed_comes_out_as_a_line() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100));
        let many = (0..300).map(|at| format!("\"{at}\":0")).collect::<Vec<_>>().join(",");
        for line in [&deep, &format!("{{{many}}}"), "{}", r#"{"trunkline_escaped":["a"],"a":"\\"}"#]
        {
            check(
                line,
                json!({"table": "component", "log_time": FALLBACK.unix_micros, "message": line}),
            );
        }
    }

    #[test]
    fn what_isnt_one_object_is_refused() {
        for line in [
            "{",
            "{a}",
            "{\"a\":1",
            "{\"a\":1}}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":1e}",
            "{\"a\" 1}",
            "{\"a\":}",
            "{\"a\":\"\\q\"}",
            "{\"a\":\"\\u12\"}",
            "{\"a\":tru}",
            "{\"a\":[1,]}",
            "{\"a\":1,}",
            "{\"a\":1} x",
            "{'a':1}",
            "[1]",
        ] {
            assert_eq!(read(line.as_bytes()), Err(Reason::Json), "{line}");
        }
    }
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        ".*".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            proptest::collection::btree_map(".{0,6}", inner, 0..5)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// Undoes the escape in all strings.
fn unescape(value: Json) -> Json {
    match value {
        Json::String(text) => String::from_utf8(escape::unescape(&text).unwrap()).unwrap().into(),
        Json::Array(items) => items.into_iter().map(unescape).collect(),
        Json::Object(map) => map
            .into_iter()
            .map(|(key, value)| {
                (String::from_utf8(escape::unescape(&key).unwrap()).unwrap(), unescape(value))
            })
            .collect(),
        other => other,
    }
}

proptest! {
    #[test]
    fn any_object_is_whole_in_extra(
        members in proptest::collection::btree_map("x.{0,6}", any_json(), 1..6),
        pretty: bool,
    ) {
        let object = Json::Object(members.into_iter().collect());
        let line = if pretty { format!("{object:#}") } else { object.to_string() };
        let read = read(line.as_bytes()).unwrap();
        let mut extra = read["extra"].clone();
        let escaped = extra.as_object_mut().unwrap().remove("trunkline_escaped").unwrap_or(json!([]));
        let mut whole = Map::new();
        for (key, value) in extra.as_object().unwrap() {
            let member = Json::Object(Map::from_iter([(key.clone(), value.clone())]));
            let is_escaped = escaped.as_array().unwrap().contains(&json!(key));
            let member = if is_escaped { unescape(member) } else { member };
            whole.extend(member.as_object().unwrap().clone());
        }
        prop_assert_eq!(Json::Object(whole), object);
        prop_assert!(!read["extra"].to_string().contains("\\u0000"));
    }

    #[test]
    fn any_text_is_read_as_another_library_wrote_it(message: String, logger: String, pod: String) {
        let line = json!({"logger": logger, "msg": message, "x": pod}).to_string();
        let mut reader = ObjectReader::new(&LogSettings::default());
        let record = reader.read(line.as_bytes(), Some(FALLBACK)).unwrap();
        prop_assert_eq!(record.text(Column::Message), Some(message.as_bytes()));
        prop_assert_eq!(record.text(Column::Component), Some(logger.as_bytes()));
    }

    #[test]
    fn no_line_makes_it_panic_and_extra_is_always_json(
        line in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "\\{(\"(msg|ts|level|asctime|record|logger|exc_info|a)\":(\"(record|postgres|\\\\[a-z]|\\\\u[0-9d][0-9a-f]{3}|.){0,5}\"|[0-9]{1,20}|\\{\\}|\\[\\]|null),?){0,5}\\}"
                .prop_map(String::into_bytes),
        ],
    ) {
        let mut reader = ObjectReader::new(&LogSettings::default());
        if let Ok(record) = reader.read(&line, Some(FALLBACK))
            && let Some(extra) = record.extra
        {
            prop_assert!(serde_json::from_slice::<Map<String, Json>>(extra).is_ok());
        }
    }
}
