//! Records of other senders, key by key.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use trunkline_forward::EventTime;
use trunkline_forward::msgpack::*;

use super::*;
use crate::Column;
use crate::ndjson::write_record;

const TIME: Timestamp = Timestamp { unix_micros: 1_795_387_577_001_000, digits: 6 };

/// JSON as MessagePack.
fn pack(value: &Json, out: &mut Vec<u8>) {
    match value {
        Json::Null => out.push(0xc0),
        Json::Bool(value) => write_bool(out, *value),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => write_uint(out, number),
            (_, Some(number)) => write_int(out, number),
            _ => {
                out.push(0xcb);
                out.extend_from_slice(&number.as_f64().unwrap().to_be_bytes());
            }
        },
        Json::String(text) => write_str(out, text.as_bytes()),
        Json::Array(values) => {
            write_array(out, values.len() as u32);
            values.iter().for_each(|value| pack(value, out));
        }
        Json::Object(members) => {
            write_map(out, members.len() as u32);
            for (key, value) in members {
                write_str(out, key.as_bytes());
                pack(value, out);
            }
        }
    }
}

fn packed(value: &Json) -> Vec<u8> {
    let mut out = Vec::new();
    pack(value, &mut out);
    out
}

fn read(map: &[u8], table: Option<Table>) -> Result<Json, Reason> {
    let mut reader = KeyedReader::new(&LogSettings::default());
    let record = KeyedRecord::new(map).unwrap();
    let mut line = Vec::new();
    write_record(&mut line, 0, &reader.read(&record, table, TIME)?);
    let mut json: Json = serde_json::from_slice(&line).unwrap();
    json.as_object_mut().unwrap().remove("position");
    Ok(json)
}

#[track_caller]
fn check(record: Json, expected: Json) {
    assert_eq!(read(&packed(&record), None), Ok(expected), "{record}");
}

#[test]
fn csvlogs_columns_as_strings_are_a_servers_record() {
    check(
        json!({
            "log_time": "2026-11-22 23:06:32.715 CET", "user_name": "app", "process_id": "4711",
            "connection_from": "10.0.0.1:5", "error_severity": "FEHLER", "sql_state_code": "42601",
            "message": "m\n\t\"x\"", "detail": "", "query_pos": 7, "query_id": "-42", "cluster": "orders",
            "shard": 3, "session_start_time": "2026-11-22 22:00:00 UTC",
        }),
        json!({
            "log_time": "2026-11-22T22:06:32.715Z", "user_name": "app", "process_id": 4711,
            "connection_from": "10.0.0.1:5", "error_severity": "ERROR", "sql_state_code": "42601",
            "message": "m\n\t\"x\"", "query_pos": 7, "query_id": -42, "extra": {"shard": 3},
            "session_start_time": "2026-11-22T22:00:00Z",
        }),
    );
}

#[test]
fn jsonlogs_keys_are_a_servers_record_in_any_order() {
    check(
        json!({
            "pid": 4711, "error_severity": "LOG", "message": "m", "timestamp": "2026-11-22 22:06:32.715 UTC",
            "dbname": "shop", "remote_host": "10.0.0.1", "remote_port": 5, "func_name": "f",
            "file_name": "x.c", "file_line_num": 9, "session_id": "65f0.1267", "backtrace": "b",
        }),
        json!({
            "log_time": "2026-11-22T22:06:32.715Z", "process_id": 4711, "error_severity": "LOG", "message": "m",
            "database_name": "shop", "connection_from": "10.0.0.1:5", "location": "f, x.c:9",
            "session_id": "65f0.1267", "sql_state_code": "00000", "extra": {"backtrace": "b"},
        }),
    );
}

#[test]
fn a_moment_may_be_a_time_of_messagepack() {
    let mut map = Vec::new();
    write_map(&mut map, 3);
    write_str(&mut map, b"error_severity");
    write_str(&mut map, b"LOG");
    write_str(&mut map, b"log_time");
    EventTime { seconds: 1_795_387_577, nanoseconds: 1_000_000 }.write(&mut map);
    write_str(&mut map, b"session_start_time");
    map.extend_from_slice(&[0xd6, 0xff]);
    map.extend_from_slice(&1_795_387_577_u32.to_be_bytes());
    assert_eq!(
        read(&map, None).unwrap(),
        json!({"log_time": "2026-11-22T22:46:17.001000Z", "error_severity": "LOG",
               "session_start_time": "2026-11-22T22:46:17.000000Z"})
    );
}

#[test]
fn a_column_that_holds_something_else_is_refused() {
    let record = json!({"log_time": "yesterday", "error_severity": "LOG"});
    assert_eq!(read(&packed(&record), None), Err(Reason::Value(Column::LogTime)));
    let record = json!({"process_id": [1], "error_severity": "LOG", "session_id": "x"});
    assert_eq!(read(&packed(&record), None), Err(Reason::Value(Column::ProcessId)));
    let record = json!({"message": "m"});
    assert_eq!(
        read(&packed(&record), Some(Table::Postgres)),
        Err(Reason::Value(Column::ErrorSeverity))
    );
}

#[test]
fn anything_else_is_a_components_and_keeps_all_its_members() {
    check(
        json!({"msg": "hello", "level": "warn", "n": -1.5, "big": u64::MAX, "t": 5, "deep": {"a": [null, true, {"b": "\u{1}"}]}}),
        json!({"table": "component", "log_time": "2026-11-22T22:46:17.001000Z", "message": "hello",
               "error_severity": "WARNING", "extra": {"n": -1.5, "big": u64::MAX, "t": 5,
               "deep": {"a": [null, true, {"b": "\u{1}"}]}}}),
    );
    check(
        json!({}),
        json!({"table": "component", "log_time": "2026-11-22T22:46:17.001000Z", "message": "{}"}),
    );
}

#[test]
fn what_jsonb_cant_hold_is_made_visible() {
    let mut map = Vec::new();
    write_map(&mut map, 6);
    for (key, value) in [
        (&b"message"[..], &b"\xa3\xff\\\0"[..]),
        (b"binary", b"\xc4\x02\xfe\\"),
        (b"nan", b"\xcb\x7f\xf8\0\0\0\0\0\0"),
        (b"ext", b"\xd4\x05\x0a"),
        (b"key\0", b"\xa1x"),
        (b"map", b"\x81\x01\xc0"),
    ] {
        write_str(&mut map, key);
        map.extend_from_slice(value);
    }
    assert_eq!(
        read(&map, None).unwrap(),
        json!({"table": "component", "log_time": "2026-11-22T22:46:17.001000Z",
               "message": r"\xff\\\x00", "escaped": ["message"],
               "extra": {"binary": r"\xfe\\", "nan": "NaN", "ext": "ext 5: 0a", r"key\x00": "x",
                         "map": {"1": null}, "trunkline_escaped": ["binary", r"key\x00"]}})
    );
}

#[test]
fn a_record_says_its_source() {
    let map = packed(&json!({
        "log": "x", "pod": "own", "container": "",
        "kubernetes": {"namespace_name": "n", "pod_name": "p", "container_name": "c", "host": "h", "pod_id": "u",
                       "labels": {"cnpg.io/cluster": "orders", "role": "master"}},
    }));
    let record = KeyedRecord::new(&map).unwrap();
    let name = |text: &str| Some(text.to_owned());
    let expected = Source {
        namespace: name("n"),
        cluster: name("orders"),
        pod: name("own"),
        container: name("c"),
        node: name("h"),
        role: name("primary"),
    };
    assert_eq!(record.source(), expected);
    let mut reader = KeyedReader::new(&LogSettings::default());
    let beside = reader.beside(&record, record.line(None).unwrap()).unwrap();
    assert_eq!(
        serde_json::from_slice::<Json>(&beside).unwrap(),
        json!({"container": "", "kubernetes": {"pod_id": "u",
               "labels": {"cnpg.io/cluster": "orders", "role": "master"}}})
    );
}

#[track_caller]
fn check_merge(extra: &str, beside: &str, expected: &str) {
    let mut reader = KeyedReader::new(&LogSettings::default());
    let merged = reader.merge(Some(extra.as_bytes()), beside.as_bytes()).unwrap();
    assert_eq!(std::str::from_utf8(merged).unwrap(), expected);
}

#[test]
fn dockers_name_of_a_container_is_one_where_nothing_else_is_known() {
    let container = |record: Json| KeyedRecord::new(&packed(&record)).unwrap().source().container;
    let docker = json!({"container_name": "/orders", "log": "x"});
    assert_eq!(container(docker).as_deref(), Some("orders"));
    let both = json!({"container_name": "/k8s_x", "kubernetes": {"container_name": "postgres"}});
    assert_eq!(container(both).as_deref(), Some("postgres"));
}

#[test]
fn what_stood_beside_a_line_doesnt_replace_what_it_says() {
    check_merge(
        r#"{"a":1,"trunkline_escaped":["a"]}"#,
        r#"{"a":2,"b":3,"trunkline_escaped":["b"]}"#,
        r#"{"a":1,"trunkline_escaped":["a","b"],"b":3,"entry":{"a":2}}"#,
    );
    check_merge(
        r#"{"a":1,"entry":0}"#,
        r#"{"a":2,"trunkline_escaped":["a"]}"#,
        r#"{"a":1,"entry":0,"trunkline_escaped":["a"],"entry_":{"a":2}}"#,
    );
}

#[test]
fn numbers_beside_a_line_and_in_it_stay_as_they_are_written() {
    check_merge(
        r#"{"price":1.10,"id":123456789012345678901234567890}"#,
        r#"{"n":2.00}"#,
        r#"{"price":1.10,"id":123456789012345678901234567890,"n":2.00}"#,
    );
}

#[test]
fn more_members_than_are_followed_stay_together() {
    let many: Vec<String> = (0..300).map(|n| format!("\"k{n}\":{n}")).collect();
    let many = format!("{{{}}}", many.join(","));
    let (open, beside) = (many.trim_end_matches('}'), r#"{"k0":"other"}"#);
    check_merge(&many, beside, &format!("{open},\"entry\":{beside}}}"));
    check_merge(beside, &many, &format!("{{\"k0\":\"other\",\"entry\":{many}}}"));
}

#[test]
fn depth_has_an_end_and_nothing_is_lost() {
    let mut map = b"\x81\xa1a".to_vec();
    map.extend(std::iter::repeat_n(0x91, 10_000));
    map.push(0x07);
    let text = read(&map, None).unwrap().to_string();
    assert!(text.contains("msgpack: 91"), "{text}");
    assert!(text.contains("9107"), "{text}");
}

/// A hundred bytes became more than any memory holds.
#[test]
fn maps_that_are_keys_of_maps_dont_double_with_each_level() {
    let mut map = b"\x81\xa1a".to_vec();
    map.extend([0x81; 40]);
    map.extend([0x90; 41]);
    let text = read(&map, None).unwrap().to_string();
    assert!(text.contains("msgpack: 8181") && text.contains("9090"), "{text}");
    assert!(text.len() < 1_000, "{}", text.len());
}

/// Any JSON that MessagePack and back leave as it is.
fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1e9..1e9f64).prop_map(Json::from),
        "[^\0]*".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[a-z\"\\\\é🐘\n]{0,3}", inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_arrives_as_it_was_sent(value in any_json()) {
        let record = json!({"message": "m", "value": value});
        let read = read(&packed(&record), None).unwrap();
        prop_assert_eq!(&read["extra"], &json!({"value": value}));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        if let Ok(record) = KeyedRecord::new(&bytes) {
            let mut reader = KeyedReader::new(&LogSettings::default());
            for table in [None, Some(Table::Postgres), Some(Table::Patroni)] {
                let _ = reader.read(&record, table, TIME);
            }
            if let Some(line) = record.line(None) {
                let _ = reader.beside(&record, line);
            }
            let _ = (record.source(), record.to_json());
        }
    }
}
