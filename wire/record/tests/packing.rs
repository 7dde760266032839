//! What a session's records share is written once a chunk, and a number in its place from then on: each record has to be read as it was
//! written, whatever came before it.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::ops::ControlFlow;

use proptest::prelude::*;
use proptest::sample::select;
use trunkline_forward::EntryReader;
use trunkline_record::{
    ChunkBuilder, ChunkLimits, Column, End, Format, LogRecord, LogSettings, Parser, RecordSlots,
    Rejected, Sink,
};

/// Fields of csvlog, of which each of a session's comes from a few values, so that some of them are the same from record to record.
fn line() -> impl Strategy<Value = String> {
    let quoted = |values: &'static [&'static str]| select(values);
    let session = (
        quoted(&["", "\"\"", "\"app\"", "\"a\"\"b\""]),
        quoted(&["\"shop\"", "\"a,b\""]),
        quoted(&["4711", "04711", "12", ""]),
        quoted(&["\"10.42.0.1:5432\"", "\"[local]\""]),
        quoted(&["65f0a1b2.1267", "65f0a1b2.1268", "75f0a1b2.1267", "s.1", ""]),
        // Its moment depends on the zone, too.
        quoted(&[
            "2026-11-22 23:06:30 UTC",
            "2026-11-22 23:06:30 IST",
            "2026-11-22 23:06:31 UTC",
            "",
        ]),
    );
    let event = (
        quoted(&["\"SELECT\"", "\"tag \"\"x\"\"\"", ""]),
        quoted(&["\"m\"", "\"m \"\"q\"\"\"", "\"\""]),
        quoted(&["", "\"L\"", "\"L \"\"\""]),
        1..100_000_i64,
    );
    let end = (
        quoted(&["", "\"\"", "\"psql\"", "\"p\"\"q\""]),
        quoted(&["\"client backend\"", "\"b\"\"\"", ""]),
        quoted(&["", "99"]),
        select(&[23, 24, 26][..]),
    );
    (session, event, end).prop_map(|(session, event, end)| {
        let (user, database, pid, from, id, start) = session;
        let (tag, message, location, number) = event;
        let (application, backend, leader, width) = end;
        let mut line = format!(
            "2026-11-22 23:06:32.715 UTC,{user},{database},{pid},{from},{id},{number},{tag},{start},3/14,0,LOG,00000,\
             {message},,,,,,,,{location},{application}"
        );
        match width {
            23 => {}
            24 => line += &format!(",{backend}"),
            _ => line += &format!(",{backend},{leader},{number}"),
        }
        line + "\n"
    })
}

fn parser(zone: &str) -> Parser {
    let settings = LogSettings { log_timezone: zone.parse().unwrap(), ..LogSettings::default() };
    Parser::new(Format::Csvlog, &settings)
}

fn builder() -> ChunkBuilder {
    let limits = ChunkLimits { bytes: usize::MAX, level: None, ..ChunkLimits::default() };
    ChunkBuilder::new(limits)
}

fn entries(builder: &mut ChunkBuilder) -> Vec<u8> {
    builder.finish(0).unwrap().entries.to_vec()
}

/// What is read of each record, and of which session it is.
fn read(entries: &[u8]) -> Vec<(String, Option<u32>)> {
    let (mut reader, mut slots) = (EntryReader::new(entries), RecordSlots::new());
    let mut records = Vec::new();
    while slots.read(&mut reader).unwrap().is_some() {
        let values = Column::ALL.map(|column| slots.get(column));
        let beyond = (slots.position(), slots.extra(), slots.severity_as_written());
        records.push((format!("{values:?} {beyond:?}"), slots.session()));
    }
    records
}

/// How often this stands there.
fn count(bytes: &[u8], what: &str) -> usize {
    bytes.windows(what.len()).filter(|window| *window == what.as_bytes()).count()
}

proptest! {
    #[test]
    fn a_record_is_read_as_it_was_written_whatever_came_before_it(
        lines in prop::collection::vec(
            (line(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.1)), 1..60,
        ),
    ) {
        let mut parsers = ["Asia/Kolkata", "Europe/Dublin"].map(parser);
        let mut remembering = builder();
        let (mut alone, mut together) = (Vec::new(), Vec::new());
        for (line, other_zone, of_another_format, is_last) in &lines {
            let parser = &mut parsers[usize::from(*other_zone)];
            let mut fresh = builder();
            for builder in [&mut remembering, &mut fresh] {
                let consumed = if *of_another_format {
                    parser.parse(line.as_bytes(), 7, End::Final, &mut OfAnotherFormat(builder))
                } else {
                    parser.parse(line.as_bytes(), 7, End::Final, builder)
                };
                parser.reset();
                prop_assert_eq!((consumed, builder.rejected_records()), (line.len(), 0), "{}", line);
            }
            alone.extend(read(&entries(&mut fresh)));
            if *is_last {
                together.extend(read(&entries(&mut remembering)));
            }
        }
        together.extend(read(&entries(&mut remembering)));
        prop_assert_eq!(together.len(), lines.len());
        for (together, alone) in together.iter().zip(&alone) {
            prop_assert_eq!(&together.0, &alone.0);
        }
    }
}

/// Hands each record on as one of which nobody knows how its session was read.
struct OfAnotherFormat<'b>(&'b mut ChunkBuilder);

impl Sink for OfAnotherFormat<'_> {
    fn record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        let mut record = *record;
        record.set_text(Column::UserName, record.text(Column::UserName));
        self.0.record(position, len, &record)
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        self.0.rejected(rejected)
    }
}

/// A record of one of many sessions.
fn of_session(session: usize) -> String {
    format!(
        "2026-11-22 23:06:32.715 UTC,\"u{session}\",\"d\",{session},\"f\",65f0a1b2.{session:x},1,,2026-11-22 23:06:30 UTC,\
         3/14,0,LOG,00000,m,,,,,,,,,\"psql\",\"client backend\",,1\n"
    )
}

#[test]
fn a_chunk_has_a_session_once_and_each_chunk_has_it() {
    let log: String = [1, 2, 1, 1, 2].map(|session| of_session(0xabc0 + session)).concat();
    let (mut parser, mut builder) = (parser("UTC"), builder());
    for _ in 0..3 {
        parser.parse(log.as_bytes(), 0, End::Final, &mut builder);
        let entries = entries(&mut builder);
        for session in ["65f0a1b2.abc1", "65f0a1b2.abc2"] {
            assert_eq!(count(&entries, session), 1);
        }
        let sessions: Vec<_> = read(&entries).iter().map(|record| record.1.unwrap()).collect();
        assert_eq!(sessions, [1, 2, 1, 1, 2]);
    }
}

#[test]
fn of_more_sessions_than_can_be_remembered_each_record_says_its_own() {
    for sessions in [200, 256, 300, 3_000] {
        let log: String = (0..3 * sessions).map(|at| of_session(at % sessions)).collect();
        let mut builder = builder();
        parser("UTC").parse(log.as_bytes(), 0, End::Final, &mut builder);
        let records = read(&entries(&mut builder));
        assert_eq!(records.len(), 3 * sessions);
        let mut numbers = std::collections::HashMap::new();
        for (at, (values, number)) in records.iter().enumerate() {
            let own = at % sessions;
            let whose = format!("{:?}", format!("u{own}").as_bytes());
            assert!(values.contains(&whose), "{own}: {values}");
            assert_eq!(*numbers.entry(number.unwrap()).or_insert(own), own);
        }
    }
}

/// Hands each record on as another process's.
struct OfAnother<'b>(&'b mut ChunkBuilder);

impl Sink for OfAnother<'_> {
    fn record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        let mut record = *record;
        record.process_id = Some(12);
        self.0.record(position, len, &record)
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        self.0.rejected(rejected)
    }
}

#[test]
fn a_record_that_was_changed_after_it_was_read_is_written_as_it_is_now() {
    let line = b"2026-11-22 23:06:32.715 UTC,\"u\",\"d\",4711,\"f\",65f0a1b2.1267,1,,2026-11-22 23:06:30 UTC,3/14,0,LOG,00000,\
                 m,,,,,,,,,\"psql\",\"client backend\",,1\n";
    let (mut remembering, mut fresh) = (builder(), builder());
    parser("UTC").parse(line, 0, End::Final, &mut remembering);
    entries(&mut remembering);
    parser("UTC").parse(line, 0, End::Final, &mut OfAnother(&mut remembering));
    parser("UTC").parse(line, 0, End::Final, &mut OfAnother(&mut fresh));
    assert_eq!(fresh.records(), 1);
    assert!(entries(&mut remembering) == entries(&mut fresh));
}

#[test]
fn a_session_that_says_too_much_to_be_remembered_is_written_each_time() {
    for (len, times) in [(60, 1), (120, 1), (400, 3)] {
        let line = format!(
            "2026-11-22 23:06:32.715 UTC,\"u\",\"d\",4711,\"f\",65f0a1b2.1267,1,,2026-11-22 23:06:30 UTC,3/14,0,LOG,00000,\
             m,,,,,,,,,\"{}\",\"client backend\",,1\n",
            "a".repeat(len)
        );
        let mut builder = builder();
        parser("UTC").parse(line.repeat(3).as_bytes(), 7, End::Final, &mut builder);
        assert_eq!((builder.records(), builder.rejected_records()), (3, 0));
        let entries = entries(&mut builder);
        assert_eq!(count(&entries, "65f0a1b2.1267"), times, "{len}");
        assert!(read(&entries).iter().all(|(values, _)| values.contains("Text([97, 97, 97,")));
    }
}
