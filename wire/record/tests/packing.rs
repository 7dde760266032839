//! What a session's records share is written once and copied from then on: each entry has to be what it is when nothing came before it.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::ops::ControlFlow;

use proptest::prelude::*;
use proptest::sample::select;
use trunkline_forward::{Compression, Inflater};
use trunkline_record::{
    ChunkBuilder, ChunkLimits, End, Format, LogRecord, LogSettings, Parser, Rejected, Sink,
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
    ChunkBuilder::new(ChunkLimits::default())
}

fn entries(builder: &mut ChunkBuilder) -> Vec<u8> {
    let chunk = builder.finish(0).unwrap();
    Inflater::new(1 << 24).inflate(Compression::Zstd, &chunk.entries).unwrap().to_vec()
}

proptest! {
    #[test]
    fn an_entry_is_the_same_whatever_came_before_it(
        lines in prop::collection::vec((line(), any::<bool>()), 1..60),
    ) {
        let mut parsers = ["Asia/Kolkata", "Europe/Dublin"].map(parser);
        let mut remembering = builder();
        let mut alone = Vec::new();
        for (line, other_zone) in &lines {
            let parser = &mut parsers[usize::from(*other_zone)];
            let mut fresh = builder();
            for builder in [&mut remembering, &mut fresh] {
                let consumed = parser.parse(line.as_bytes(), 7, End::Final, builder);
                parser.reset();
                prop_assert_eq!((consumed, builder.rejected_records()), (line.len(), 0), "{}", line);
            }
            alone.extend(entries(&mut fresh));
        }
        prop_assert!(remembering.records() as usize == lines.len());
        prop_assert!(entries(&mut remembering) == alone);
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
    for len in [60, 90, 120, 150, 400] {
        let line = format!(
            "2026-11-22 23:06:32.715 UTC,\"u\",\"d\",4711,\"f\",65f0a1b2.1267,1,,2026-11-22 23:06:30 UTC,3/14,0,LOG,00000,\
             m,,,,,,,,,\"{}\",\"client backend\",,1\n",
            "a".repeat(len)
        );
        let (mut several, mut one) = (builder(), builder());
        parser("UTC").parse(line.repeat(3).as_bytes(), 7, End::Final, &mut several);
        for at in 0..3 {
            let position = 7 + at * line.len() as u64;
            parser("UTC").parse(line.as_bytes(), position, End::Final, &mut one);
        }
        assert_eq!((several.records(), one.records()), (3, 3));
        assert!(entries(&mut several) == entries(&mut one), "{len}");
        assert_eq!(several.rejected_records(), 0);
    }
}
