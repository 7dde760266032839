//! Forward chunks as events of Fluent Bit, and those as forward chunks again.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use proptest::prelude::*;
use trunkline_forward::msgpack::{Reader, write_int, write_map, write_str};
use trunkline_forward::{EntryReader, EventTime};
use trunkline_record::event::{EventReader, Mark, write_events};
use trunkline_record::{
    ChunkBuilder, ChunkHeader, ChunkLimits, Column, End, Format, LogSettings, Parser, RecordSlots,
    Row, Slot, Source, StreamId, Table,
};

#[path = "support/corpus.rs"]
mod corpus;

/// Behind everything that these tests read.
const TO: u64 = 1 << 40;

fn builder() -> ChunkBuilder {
    ChunkBuilder::new(ChunkLimits { bytes: usize::MAX, ..ChunkLimits::default() })
}

/// The entries that the builder holds.
fn finish(builder: &mut ChunkBuilder, to: u64) -> Vec<u8> {
    zstd::decode_all(&*builder.finish(to).unwrap().entries).unwrap()
}

/// The entries of a log.
fn entries(log: &[u8], format: Format, settings: &LogSettings) -> Vec<u8> {
    let mut builder = builder();
    Parser::new(format, settings).parse(log, 0, End::Final, &mut builder);
    finish(&mut builder, log.len() as u64)
}

fn header(to: u64) -> ChunkHeader {
    let source = Source { pod: Some("orders-0".into()), ..Source::default() };
    let path = Some("/log/a.csv".into());
    ChunkHeader { stream: StreamId([7; 16]), from: 0, to, acked: Some(0), source, path }
}

fn events(entries: &[u8]) -> Vec<u8> {
    let mut events = Vec::new();
    write_events(&header(TO), entries, &mut events).unwrap();
    events
}

fn mark<'a>(metadata: &'a [u8], last: &[u8]) -> Option<Mark<'a>> {
    Mark::read(&mut Reader::new(metadata), last)
}

/// The entries that events make.
fn back(events: &[u8]) -> Vec<u8> {
    let (mut reader, mut builder) = (EventReader::default(), builder());
    let (mut at, mut last) = (0, Vec::new());
    let mut events = EntryReader::new(events);
    while let Some(time) = events.next_head().unwrap() {
        let mark = mark(events.metadata().unwrap(), &last).unwrap();
        last = mark.header.to_vec();
        assert_eq!(ChunkHeader::decode(mark.header).unwrap(), header(TO));
        assert_eq!(mark.from, at, "each event goes on where the one before ends");
        at = mark.next;
        reader.append(&mark, time, events.record(), &mut builder).unwrap();
    }
    assert_eq!(at, if at == 0 { 0 } else { TO });
    finish(&mut builder, TO)
}

#[test]
fn what_real_servers_wrote_comes_back_byte_for_byte() {
    let mut formats = std::collections::BTreeMap::new();
    for file in corpus::files(&[]) {
        let log = file.bytes();
        let zone = file.expected["log_timezone"].as_str().and_then(|zone| zone.parse().ok());
        let settings = LogSettings { log_timezone: zone.unwrap_or_default(), ..Default::default() };
        let Some(format) = Format::detect(&log, &settings, End::Final) else { continue };
        let entries = entries(&log, format, &settings);
        assert!(back(&events(&entries)) == entries, "{}", file.path);
        *formats.entry(format.name()).or_insert(0) += 1;
    }
    assert!(formats.len() >= 5, "{formats:?}");
}

#[test]
fn what_is_no_record_comes_back_with_its_reason_and_position() {
    let garbage = b"gar\xff\0bage\n";
    let log = [&garbage[..], &garbage[..]].concat();
    let entries = entries(&log, Format::Csvlog, &LogSettings::default());
    let back = back(&events(&entries));
    assert_eq!(back, entries);
    let (mut slots, mut reader) = (RecordSlots::new(), EntryReader::new(&back));
    let first = slots.read(&mut reader).unwrap();
    assert!(matches!(first, Some(Row::Rejected { raw, .. }) if raw == garbage), "{first:?}");
    assert!(slots.read(&mut reader).unwrap().is_some());
    assert_eq!(slots.position(), garbage.len() as u64);
}

/// What an event with this record of `log.postgres` makes; nothing when that isn't a whole value.
fn changed(record: &[u8]) -> Vec<u8> {
    let mut builder = builder();
    let mark = Mark { header: &[], position: 5, from: 5, next: 6, table: Table::Postgres };
    let mut record = Reader::new(record);
    let appended =
        EventReader::default().append(&mark, EventTime::default(), &mut record, &mut builder);
    assert_eq!(appended.is_err(), builder.is_empty());
    finish(&mut builder, TO)
}

fn map(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    write_map(&mut out, u32::try_from(pairs.len()).unwrap());
    for text in pairs.iter().flat_map(|(key, value)| [key, value]) {
        write_str(&mut out, text.as_bytes());
    }
    out
}

#[test]
fn what_a_filter_adds_is_kept_beside_the_columns() {
    let entries = changed(&map(&[("error_severity", "LOG"), ("message", "one"), ("region", "eu")]));
    let mut slots = RecordSlots::new();
    assert_eq!(slots.read(&mut EntryReader::new(&entries)).unwrap(), Some(Row::Record));
    assert_eq!(slots.position(), 5);
    assert_eq!(slots.get(Column::Message), Slot::Text(b"one"));
    assert_eq!(slots.extra(), Some(&br#"{"region":"eu"}"#[..]));
}

#[test]
fn a_column_that_a_filter_has_written_in_another_way_is_understood() {
    let mut record = map(&[("error_severity", "LOG"), ("process_id", "47")]);
    record[0] += 1;
    write_str(&mut record, b"message");
    write_int(&mut record, 12);
    let entries = changed(&record);
    let mut slots = RecordSlots::new();
    assert_eq!(slots.read(&mut EntryReader::new(&entries)).unwrap(), Some(Row::Record));
    assert_eq!(slots.get(Column::ProcessId), Slot::Int(47));
    assert_eq!(slots.get(Column::Message), Slot::Text(b"12"));
}

#[test]
fn what_a_filter_leaves_no_record_of_is_rejected_and_not_left_out() {
    for record in [map(&[("error_severity", "LOUD")]), vec![0xc0], vec![0x01]] {
        let entries = changed(&record);
        let mut slots = RecordSlots::new();
        let row = slots.read(&mut EntryReader::new(&entries)).unwrap();
        assert!(matches!(row, Some(Row::Rejected { .. })), "{row:?}");
        assert_eq!(slots.position(), 5);
    }
}

#[test]
fn metadata_of_others_is_not_ours() {
    let entries = entries(b"x\n", Format::Csvlog, &LogSettings::default());
    let events = events(&entries);
    let mut reader = EntryReader::new(&events);
    reader.next_head().unwrap();
    assert!(mark(reader.metadata().unwrap(), &[]).is_some());
    for other in [&[0x80][..], &[0xc0], &map(&[("position", "1")]), &[0x81, 0x01, 0x01], &[]] {
        assert_eq!(mark(other, &[]), None, "{other:x?}");
    }
}

proptest! {
    #[test]
    fn any_event_makes_one_entry(record: Vec<u8>, metadata: Vec<u8>) {
        let _ = mark(&metadata, &[0x80]);
        let whole = Reader::new(&record).skip().is_ok();
        let entries = changed(&record);
        prop_assert_eq!(entries.is_empty(), !whole);
        if !whole {
            return Ok(());
        }
        let mut slots = RecordSlots::new();
        let mut reader = EntryReader::new(&entries);
        prop_assert!(slots.read(&mut reader).unwrap().is_some());
        prop_assert_eq!(slots.read(&mut reader).unwrap(), None);
    }

    #[test]
    fn any_texts_come_back(texts in prop::collection::vec(any::<Option<Vec<u8>>>(), Column::COUNT), number: i64) {
        use trunkline_record::{LogRecord, Severity, Sink, Timestamp};
        let time = Timestamp { unix_micros: 1_795_388_792_715_123, digits: 6 };
        let mut record = LogRecord::new(Table::Patroni, time, Some(Severity::Log));
        for (column, text) in Column::ALL.into_iter().zip(&texts) {
            if column.kind() == trunkline_record::Kind::Text {
                record.set_text(column, text.as_deref());
            }
        }
        record.query_id = Some(number);
        record.session_start_time = Some(time);
        record.severity_as_written = texts[0].as_deref();
        let mut builder = builder();
        let _ = builder.record(3, 1, &record);
        let entries = finish(&mut builder, 4);
        prop_assert_eq!(back(&events(&entries)), entries);
    }
}
