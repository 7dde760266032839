//! csvlog against an independent reader, cut at every place, torn in every way.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::ops::ControlFlow;

use proptest::prelude::*;
use trunkline_record::{
    Column, End, Field, Format, LogRecord, LogSettings, Parser, Reason, Rejected, Sink,
};

/// A record's fields in csvlog's order.
type Fields = Vec<Option<Vec<u8>>>;

/// What a parser handed over.
#[derive(Debug, Default, Clone, PartialEq)]
struct Found {
    /// Position, length, and the fields as the server wrote them, unquoted.
    records: Vec<(u64, usize, Fields)>,
    rejected: Vec<(u64, Vec<u8>, Reason)>,
    break_each_time: bool,
}

impl Found {
    fn flow(&self) -> ControlFlow<()> {
        if self.break_each_time { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn messages(&self) -> Vec<String> {
        let message = |fields: &Fields| {
            String::from_utf8_lossy(fields[Column::Message as usize].as_deref().unwrap())
                .into_owned()
        };
        self.records.iter().map(|(_, _, fields)| message(fields)).collect()
    }
}

impl Sink for Found {
    fn record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        let text = |column: &Column| match record.get(*column)? {
            Field::Text(bytes) => Some(bytes.to_vec()),
            Field::Int(value) => Some(value.to_string().into_bytes()),
            Field::Time(time) => Some(time.unix_micros.to_string().into_bytes()),
            Field::Severity(severity) => Some(severity.as_str().as_bytes().to_vec()),
        };
        self.records.push((
            position,
            len,
            Column::ALL[..Column::CSVLOG].iter().map(text).collect(),
        ));
        self.flow()
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        self.rejected.push((rejected.position, rejected.raw.to_vec(), rejected.reason));
        self.flow()
    }
}

/// Parses `log`, which arrives in pieces of `step` bytes.
fn parse_in_pieces(log: &[u8], step: usize, end: End, break_each_time: bool) -> Found {
    let mut parser = Parser::new(Format::Csvlog, &LogSettings::default());
    let mut found = Found { break_each_time, ..Found::default() };
    let (mut buf, mut position) = (Vec::new(), 0);
    let mut pieces = log.chunks(step).peekable();
    while let Some(piece) = pieces.next() {
        buf.extend_from_slice(piece);
        let end = if pieces.peek().is_none() { end } else { End::More };
        loop {
            let consumed = parser.parse(&buf, position, end, &mut found);
            buf.drain(..consumed);
            position += consumed as u64;
            if consumed == 0 || !break_each_time {
                break;
            }
        }
    }
    found.break_each_time = false;
    found
}

fn parse(log: &[u8]) -> Found {
    parse_in_pieces(log, usize::MAX, End::Final, false)
}

/// A record of 26 columns with this message and query, quoted as a server would.
fn record(message: &str, query: &str) -> String {
    let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    format!(
        "2026-11-22 23:06:32.715 UTC,\"postgres\",\"shop\",4711,\"[local]\",65f0.1267,3,\"SELECT\",\
         2026-11-22 23:06:30 UTC,3/14,0,ERROR,22012,{},,,,,,{},8,,\"psql\",\"client backend\",,-42\n",
        quote(message),
        if query.is_empty() { String::new() } else { quote(query) },
    )
}

#[test]
fn every_column_comes_out_as_it_was_written() {
    let log = "2026-11-22 23:06:32.715 CET,\"po\"\"st,gres\",\"sh\nop\",4711,\"::1:51378\",65f0.1267,3,\"\",\
               2026-11-22 22:06:30 UTC,3/14,741,WARNING,01000,\"a \"\"b\"\"\r\n\tc\",\"d\",\"h\",\"iq\",7,\"ctx\",\"q\",8,\
               \"f, x.c:1\",\"app\",\"client backend\",99,-8123456789012345678\n";
    let found = parse(log.as_bytes());
    let (position, len, fields) = &found.records[0];
    assert_eq!((*position, *len), (0, log.len()));
    let fields: Vec<_> = fields
        .iter()
        .map(|field| field.as_ref().map(|text| String::from_utf8(text.clone()).unwrap()))
        .collect();
    let expected = [
        "1795385192715000",
        "po\"st,gres",
        "sh\nop",
        "4711",
        "::1:51378",
        "65f0.1267",
        "3",
        "",
        "1795385190000000",
        "3/14",
        "741",
        "WARNING",
        "01000",
        "a \"b\"\r\n\tc",
        "d",
        "h",
        "iq",
        "7",
        "ctx",
        "q",
        "8",
        "f, x.c:1",
        "app",
        "client backend",
        "99",
        "-8123456789012345678",
    ];
    assert_eq!(fields, expected.map(|text| Some(text.to_owned())));
}

#[test]
fn nothing_is_null_and_two_quotes_are_an_empty_text() {
    let log = record("m", "").replace("\"psql\"", "\"\"");
    let fields = &parse(log.as_bytes()).records[0].2;
    assert_eq!(fields[Column::ApplicationName as usize].as_deref(), Some(&b""[..]));
    assert_eq!(fields[Column::Query as usize], None);
}

#[test]
fn columns_of_older_versions() {
    let new = record("m", "q");
    for cut in [",\"client backend\",,-42\n", ",,-42\n"] {
        let old = new.strip_suffix(cut).unwrap().to_owned() + "\n";
        let found = parse(old.as_bytes());
        assert_eq!(found.records.len(), 1, "{old}");
        assert_eq!(
            found.records[0].2[Column::ApplicationName as usize].as_deref(),
            Some(&b"psql"[..])
        );
        assert_eq!(found.records[0].2[Column::QueryId as usize], None);
    }
}

#[test]
fn a_torn_last_record_waits_and_is_rejected_when_nothing_follows() {
    let whole = record("one", "select 1");
    let torn = &record("two", "select\n2")[..150];
    let log = format!("{whole}{torn}");
    let waiting = parse_in_pieces(log.as_bytes(), usize::MAX, End::More, false);
    assert_eq!((waiting.messages(), waiting.rejected.len()), (vec!["one".to_owned()], 0));
    let found = parse(log.as_bytes());
    assert_eq!(found.messages(), ["one"]);
    assert_eq!(found.rejected, [(whole.len() as u64, torn.as_bytes().to_vec(), Reason::Torn)]);
}

#[test]
fn a_whole_last_record_needs_no_line_end_when_nothing_follows() {
    let log = record("one", "") + record("two", "").trim_end();
    assert_eq!(parse(log.as_bytes()).messages(), ["one", "two"]);
}

#[test]
fn a_line_that_is_no_record_is_rejected_and_the_next_one_read() {
    let bad_severity = record("bad", "").replace("ERROR,22012", "EROR,none");
    let bad_time = record("bad", "").replace("23:06:32.715 UTC", "23:06:32.715 NOWHERE");
    let bad_number = record("bad", "").replace(",4711,", ",47x1,");
    for (bad, reason) in [
        ("garbage\n", Reason::Columns(1)),
        ("\n", Reason::Columns(1)),
        (&bad_severity, Reason::Value(Column::ErrorSeverity)),
        (&bad_time, Reason::Value(Column::LogTime)),
        (&bad_number, Reason::Value(Column::ProcessId)),
    ] {
        let (before, after) = (record("one", ""), record("two", "select \"x\""));
        let log = format!("{before}{bad}{after}");
        let found = parse(log.as_bytes());
        assert_eq!(found.messages(), ["one", "two"], "{bad}");
        assert_eq!(found.rejected, [(before.len() as u64, bad.as_bytes().to_vec(), reason)]);
    }
}

#[test]
fn a_record_that_follows_a_torn_one_on_its_line_is_found_wherever_it_was_torn() {
    // The torn record holds a quoted imitation of a record, which must not be taken for one.
    let imitation = record("fake", "select 'fake'");
    let torn = record(&format!("say \"{imitation}\n"), &format!("select '\n{imitation}\n'"));
    let after = record("after", &format!("select '\n{imitation}\n'")) + &record("last", "");
    for cut in 1..torn.len() - 1 {
        let log = format!("{}{}{after}", record("before", ""), &torn[..cut]);
        for step in [usize::MAX, 50] {
            let found = parse_in_pieces(log.as_bytes(), step, End::More, false);
            assert_eq!(
                found.messages(),
                ["before", "after", "last"],
                "cut at {cut}: {}",
                &torn[..cut]
            );
            let raw: Vec<u8> = found.rejected.iter().flat_map(|(_, raw, _)| raw.clone()).collect();
            assert_eq!(raw, &torn.as_bytes()[..cut], "cut at {cut}");
        }
    }
}

#[test]
fn a_start_that_is_cut_by_the_buffers_end_is_kept_however_long_the_torn_bytes_are() {
    // More than is held back for a record to start in.
    let torn = format!("\"x\"y{}", "z".repeat(1 << 20));
    let log = format!("{torn}{}", record("after", ""));
    for cut in 1..30 {
        let mut parser = Parser::new(Format::Csvlog, &LogSettings::default());
        let mut found = Found::default();
        let arrived = torn.len() + cut;
        let consumed = parser.parse(&log.as_bytes()[..arrived], 0, End::More, &mut found);
        let rest = &log.as_bytes()[consumed..];
        parser.parse(rest, consumed as u64, End::More, &mut found);
        assert_eq!(found.messages(), ["after"], "{cut} bytes of the start had arrived");
    }
}

#[test]
fn an_imitation_inside_a_message_is_never_a_record() {
    let imitation = record("fake", "x");
    let bare = "2026-11-22 23:06:32.715 UTC,,,1,,65f0.1,1,,2026-11-22 23:06:30 UTC,3/14,0,LOG,00000,fake,,,,,,,,,,,,\n";
    let log = record(&format!("a\n{imitation}{bare}b"), &imitation) + &record("two", bare);
    let found = parse(log.as_bytes());
    assert_eq!((found.records.len(), found.rejected.len()), (2, 0));
}

/// Text with whatever has a meaning in csvlog.
fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            Just("\"".to_owned()),
            Just(",".to_owned()),
            Just("\n".to_owned()),
            Just("\r\n".to_owned()),
            Just("\"\"".to_owned()),
            Just("2026-11-22 23:06:32.715 UTC,\"postgres\",".to_owned()),
            "[a-zé🐘]{0,80}",
            Just(record("f", "g")),
        ],
        0..6,
    )
    .prop_map(|parts| parts.concat())
}

/// The fields of a log as the `csv` crate reads them: position, message, query.
fn by_another_reader(log: &[u8]) -> Vec<(u64, Vec<u8>, Vec<u8>)> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(log);
    let mut records = Vec::new();
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).unwrap() {
        let position = record.position().unwrap().byte();
        records.push((position, record[13].to_vec(), record[19].to_vec()));
    }
    records
}

proptest! {
    #[test]
    fn agrees_with_another_reader_whatever_the_text_and_the_pieces(
        texts in proptest::collection::vec((text(), text()), 1..8), step in 1usize..300, each: bool,
    ) {
        let log: String = texts.iter().map(|(message, query)| record(message, query)).collect();
        let found = parse_in_pieces(log.as_bytes(), step, End::More, each);
        prop_assert!(found.rejected.is_empty(), "{:?}", found.rejected);
        let ours: Vec<_> = found.records.iter().map(|(position, _, fields)| {
            let field = |column: Column| fields[column as usize].clone().unwrap_or_default();
            (*position, field(Column::Message), field(Column::Query))
        }).collect();
        prop_assert_eq!(ours, by_another_reader(log.as_bytes()));
        let lengths: usize = found.records.iter().map(|(_, len, _)| len).sum();
        prop_assert_eq!(lengths, log.len());
    }

    #[test]
    fn any_bytes_are_accounted_for_and_pieces_make_no_difference_to_what_is_found_whole(
        bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(b'"'), Just(b','), Just(b'\n')], 0..400),
        message in text(),
        step in 1usize..64,
    ) {
        let log = [&bytes[..], record(&message, "").as_bytes(), &bytes[..]].concat();
        let found = parse_in_pieces(&log, step, End::Final, false);
        // Each byte is in exactly one record or rejected piece, in order.
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
