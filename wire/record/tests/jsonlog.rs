//! jsonlog against csvlog's columns, an independent reader of JSON, and torn records.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::ops::ControlFlow;

use proptest::prelude::*;
use trunkline_record::{
    Column, End, Field, Format, LogRecord, LogSettings, Parser, Reason, Rejected, Sink,
};

/// A record's fields in csvlog's order.
type Fields = Vec<Option<Vec<u8>>>;

#[derive(Debug, Default)]
struct Found {
    records: Vec<(u64, usize, Fields)>,
    rejected: Vec<(u64, Vec<u8>, Reason)>,
}

impl Sink for Found {
    fn record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        let text = |column: &Column| match record.get(*column)? {
            Field::Text(bytes) => Some(bytes.to_vec()),
            Field::Int(value) => Some(value.to_string().into_bytes()),
            Field::Time(time) => Some(time.unix_micros.to_string().into_bytes()),
            Field::Severity(severity) => Some(severity.as_str().as_bytes().to_vec()),
        };
        self.records.push((position, len, Column::ALL.iter().map(text).collect()));
        ControlFlow::Continue(())
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        self.rejected.push((rejected.position, rejected.raw.to_vec(), rejected.reason));
        ControlFlow::Continue(())
    }
}

impl Found {
    fn messages(&self) -> Vec<Vec<u8>> {
        let message = Column::Message as usize;
        self.records.iter().map(|(_, _, fields)| fields[message].clone().unwrap()).collect()
    }
}

fn parse(log: &[u8], step: usize, end: End) -> Found {
    let mut parser = Parser::new(Format::Jsonlog, &LogSettings::default());
    let (mut found, mut buf, mut position) = (Found::default(), Vec::new(), 0);
    let mut pieces = log.chunks(step).peekable();
    while let Some(piece) = pieces.next() {
        buf.extend_from_slice(piece);
        let end = if pieces.peek().is_none() { end } else { End::More };
        let consumed = parser.parse(&buf, position, end, &mut found);
        buf.drain(..consumed);
        position += consumed as u64;
    }
    found
}

fn record(message: &str) -> String {
    let message = serde_json::to_string(message).unwrap();
    format!(
        r#"{{"timestamp":"2026-11-22 17:41:18.383 EST","pid":934,"session_id":"6b036f8e.3a6","line_num":5,"session_start":"2026-11-22 17:41:18 EST","txid":0,"error_severity":"LOG","message":{message},"backend_type":"postmaster","query_id":0}}"#
    ) + "\n"
}

#[test]
fn every_key_lands_in_csvlogs_column() {
    let log = concat!(
        r#"{"timestamp":"2026-11-22 17:41:18.383 EST","user":"web","dbname":"sh\"op","pid":934,"remote_host":"::1","remote_port":48856,"#,
        r#""session_id":"6b036f8e.3a6","line_num":5,"ps":"SELECT","session_start":"2026-11-22 17:41:18 EST","vxid":"3/0","txid":7,"#,
        r#""error_severity":"ERROR","state_code":"22012","message":"a\\b\n\t\u0001\u00e9\ud83d\udc18é","detail":"d","hint":"h","internal_query":"i","#,
        r#""internal_position":3,"context":"c","statement":"q","cursor_position":8,"func_name":"f","file_name":"x.c","file_line_num":453,"#,
        r#""application_name":"","backend_type":"client backend","leader_pid":9,"query_id":-36,"a key to come":null}"#,
        "\n"
    );
    let found = parse(log.as_bytes(), 10, End::More);
    let fields = found.records[0].2.iter().take(Column::CSVLOG);
    let fields = fields.map(|field| String::from_utf8(field.clone().unwrap()).unwrap());
    let expected = [
        "1795387278383000",
        "web",
        "sh\"op",
        "934",
        "::1:48856",
        "6b036f8e.3a6",
        "5",
        "SELECT",
        "1795387278000000",
        "3/0",
        "7",
        "ERROR",
        "22012",
        "a\\b\n\t\u{1}é🐘é",
        "d",
        "h",
        "i",
        "3",
        "c",
        "q",
        "8",
        "f, x.c:453",
        "",
        "client backend",
        "9",
        "-36",
    ];
    assert_eq!(fields.collect::<Vec<_>>(), expected);
}

#[test]
fn what_jsonlog_leaves_out_is_null_but_for_success() {
    let found = parse(record("m").as_bytes(), 4096, End::More);
    let fields = &found.records[0].2;
    assert_eq!(fields[Column::SqlStateCode as usize].as_deref(), Some(&b"00000"[..]));
    for column in [Column::UserName, Column::ConnectionFrom, Column::Location, Column::Query] {
        assert_eq!(fields[column as usize], None, "{column:?}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_read() {
    let mut log = record("caf_").into_bytes();
    let at = log.windows(4).position(|window| window == b"caf_").unwrap();
    log[at + 3] = 0xe9;
    assert_eq!(parse(&log, 4096, End::More).messages(), [b"caf\xe9"]);
}

#[test]
fn a_record_behind_a_torn_one_is_found_wherever_it_was_torn() {
    let torn = record(&format!("say {}", record("fake")));
    let after = record("after") + &record("last");
    for cut in 1..torn.len() - 1 {
        let log = format!("{}{}{after}", record("before"), &torn[..cut]);
        let found = parse(log.as_bytes(), 50, End::More);
        assert_eq!(found.messages(), [&b"before"[..], b"after", b"last"], "cut at {cut}");
        let position = record("before").len() as u64;
        assert_eq!(found.rejected, [(position, torn.as_bytes()[..cut].to_vec(), Reason::Torn)]);
    }
}

#[test]
fn what_isnt_a_record_is_rejected_with_its_reason() {
    for (line, reason) in [
        ("garbage\n", Reason::Json),
        ("{}\n", Reason::Json),
        ("[1]\n", Reason::Json),
        (&record("m").replace("934", "\"934\""), Reason::Json),
        (&record("m").replace("934", "{}"), Reason::Json),
        (
            &record("m").replace("\"LOG\"", "\"LOUD\",\"state_code\":\"none\""),
            Reason::Value(Column::ErrorSeverity),
        ),
        (&record("m").replace("383 EST", "383 NOWHERE"), Reason::Value(Column::LogTime)),
        (&record("\u{1}").replace("u0001", "u00"), Reason::Json),
    ] {
        let log = format!("{line}{}", record("next"));
        let found = parse(log.as_bytes(), 7, End::More);
        assert_eq!(found.rejected, [(0, line.as_bytes().to_vec(), reason)]);
        assert_eq!(found.messages(), [b"next"]);
    }
}

#[test]
fn a_torn_last_line_waits_and_is_rejected_when_nothing_follows() {
    let torn = &record("two")[..100];
    let log = record("one") + torn;
    assert!(parse(log.as_bytes(), 4096, End::More).rejected.is_empty());
    let found = parse(log.as_bytes(), 4096, End::Final);
    assert_eq!(found.rejected[0].1, torn.as_bytes());
    let whole = record("one") + record("two").trim_end();
    assert_eq!(parse(whole.as_bytes(), 4096, End::Final).records.len(), 2);
}

proptest! {
    #[test]
    fn texts_come_back_as_another_library_wrote_them(text: String, step in 1usize..200) {
        let found = parse(record(&text).as_bytes(), step, End::More);
        prop_assert_eq!(found.messages(), [text.into_bytes()]);
    }

    #[test]
    fn any_bytes_are_accounted_for(
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b'\\'), Just(b'\n')], 0..300),
        step in 1usize..64,
    ) {
        let log = [&bytes[..], record("m").as_bytes(), &bytes[..]].concat();
        let found = parse(&log, step, End::Final);
        let mut pieces: Vec<(u64, usize)> = found.records.iter().map(|(at, len, _)| (*at, *len)).collect();
        pieces.extend(found.rejected.iter().map(|(at, raw, _)| (*at, raw.len())));
        pieces.sort_unstable();
        let mut end = 0;
        for (at, len) in pieces {
            prop_assert_eq!(at, end);
            end = at + len as u64;
        }
        prop_assert_eq!(end, log.len() as u64);
    }
}
