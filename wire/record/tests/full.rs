//! Records written in full for receivers that aren't ours, and read back.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::ops::ControlFlow;

use proptest::prelude::*;
use trunkline_forward::msgpack::{Reader, Value};
use trunkline_forward::{Compression, EntryReader, Inflater};
use trunkline_record::{
    ChunkBuilder, ChunkLimits, Column, FullRecord, FullRecords, KeyedReader, KeyedRecord,
    LogRecord, LogSettings, Part, Reason, RecordSlots, Rejected, Row, SealedChunk, Severity, Sink,
    Slot, Source, StreamId, Table, Timestamp,
};

const STREAM: StreamId = StreamId([7; 16]);
const NOW: i64 = 1_795_387_577_001_000;

fn source() -> Source {
    Source {
        namespace: Some("shop".into()),
        pod: Some("orders-0".into()),
        role: Some("primary".into()),
        ..Source::default()
    }
}

/// A record with a value in every column.
fn record<'a>(table: Table, text: &'a [u8], extra: Option<&'a [u8]>) -> LogRecord<'a> {
    let time = Timestamp { unix_micros: NOW + 7, digits: 6 };
    let mut record = LogRecord::new(table, time, Some(Severity::Warning));
    record.process_id = Some(-1);
    record.session_line_num = Some(i64::MAX);
    record.session_start_time = Some(Timestamp { unix_micros: NOW, digits: 3 });
    record.transaction_id = Some(4_294_967_295);
    record.internal_query_pos = Some(1);
    record.query_pos = Some(0);
    record.leader_pid = Some(i32::MAX);
    record.query_id = Some(i64::MIN);
    record.extra = extra;
    for column in Column::ALL {
        if column.kind() == trunkline_record::Kind::Text {
            record.set_text(column, Some(text));
        }
    }
    record
}

fn seal(write: impl FnOnce(&mut ChunkBuilder)) -> SealedChunk {
    let mut builder =
        ChunkBuilder::new(ChunkLimits { bytes: usize::MAX, ..ChunkLimits::default() });
    builder.begin(0);
    write(&mut builder);
    builder.finish(1_000_000).unwrap()
}

fn put(builder: &mut ChunkBuilder, position: u64, record: &LogRecord<'_>) {
    assert_eq!(builder.record(position, 1, record), ControlFlow::Continue(()));
}

fn parts(chunk: &SealedChunk, part_max: usize) -> Vec<Part> {
    let mut inflater = Inflater::new(1 << 30);
    let entries = inflater.inflate(Compression::Zstd, &chunk.entries).unwrap();
    let full = FullRecords::new(&STREAM, &source(), "/log/a.csv", NOW - 5);
    full.with_part_max(part_max).parts(entries).unwrap()
}

/// Reads the parts back, and packs what they hold into a forward chunk of our own.
fn read_back(parts: &[Part]) -> SealedChunk {
    let mut reader = KeyedReader::new(&LogSettings::default());
    seal(|builder| {
        for part in parts {
            let mut entries = EntryReader::new(&part.entries);
            let mut size = 0;
            while let Some(time) = entries.next_head().unwrap() {
                let map = KeyedRecord::new(entries.record().skip().unwrap()).unwrap();
                assert_eq!(map.source(), source());
                let time = Timestamp { unix_micros: time.unix_micros(), digits: 6 };
                match reader.full(&map, time).unwrap() {
                    FullRecord::Record(record) => put(builder, size, &record),
                    FullRecord::Rejected { raw, reason } => {
                        builder.reject(size, raw, std::str::from_utf8(reason).unwrap());
                    }
                }
                size += 1;
            }
            assert_eq!(part.size, size);
        }
    })
}

/// Everything that stands in a forward chunk, without positions; `extra` without what says the place.
fn content(chunk: &SealedChunk) -> Vec<String> {
    let mut inflater = Inflater::new(1 << 30);
    let mut entries =
        EntryReader::new(inflater.inflate(Compression::Zstd, &chunk.entries).unwrap());
    let (mut slots, mut rows) = (RecordSlots::new(), Vec::new());
    while let Some(row) = slots.read(&mut entries).unwrap() {
        let columns: Vec<_> = Column::ALL.iter().map(|column| slots.get(*column)).collect();
        let extra = trunkline_record::ndjson::extra(slots.extra(), slots.severity_as_written());
        let mut extra = extra.unwrap_or_else(|| serde_json::json!({}));
        for key in ["stream", "position", "path"] {
            extra.as_object_mut().unwrap().remove(key);
        }
        rows.push(match row {
            Row::Record => format!("{:?} {columns:?} {extra}", slots.table()),
            Row::Rejected { .. } => format!("{row:?}"),
        });
    }
    rows
}

#[test]
fn every_table_and_column_is_written_in_full_and_read_back() {
    let extra =
        br#"{"shard":3,"deep":{"a":[null,true,-1.5]},"pod":"x","trunkline_escaped":["shard"]}"#;
    let chunk = seal(|builder| {
        builder.reject(0, b"torn\xff\0", "torn record");
        for (at, table) in Table::ALL.into_iter().enumerate() {
            let mut record = record(table, b"b\xff\0\n\"", Some(extra));
            put(builder, 10 + at as u64, &record);
            record.severity_as_written = Some(b"alert");
            put(builder, 20 + at as u64, &record);
            let mut bare = LogRecord::new(table, record.log_time, Some(Severity::Log));
            bare.set_text(Column::ApplicationName, Some(b""));
            put(builder, 30 + at as u64, &bare);
        }
        let reason = Reason::TooLong;
        let _ = builder.rejected(Rejected { position: 99, raw: b"x", reason });
    });
    let parts = parts(&chunk, trunkline_record::PART_MAX);
    assert_eq!((parts.len(), parts[0].size, parts[0].truncated), (1, 11, 0));
    assert_eq!(content(&read_back(&parts)), content(&chunk));

    // What a receiver sees.
    let mut entries = EntryReader::new(&parts[0].entries);
    assert_eq!(entries.next_head().unwrap().unwrap().unix_micros(), NOW - 5, "as nothing is known");
    assert_eq!(
        members(entries.record()),
        "namespace=shop pod=orders-0 role=primary stream=07070707-0707-0707-0707-070707070707 path=/log/a.csv \
         position=Uint(0) table=rejected reason=torn record raw=torn\u{fffd}\0"
    );
    assert_eq!(entries.next_head().unwrap().unwrap().unix_micros(), NOW + 7);
    let first = members(entries.record());
    for pair in [
        "position=Uint(10)",
        "table=postgres",
        "log_time=2026-11-22T22:46:17.001007Z",
        "session_start_time=2026-11-22T22:46:17.001Z",
        "error_severity=WARNING",
        "query_id=Int(-9223372036854775808)",
        "extra=Map(4)",
    ] {
        assert!(first.contains(pair), "{pair} in {first}");
    }
}

fn members(reader: &mut Reader<'_>) -> String {
    let Value::Map(pairs) = reader.read().unwrap() else { panic!("no map") };
    let mut text = Vec::new();
    for _ in 0..pairs {
        let key = String::from_utf8(reader.read().unwrap().bytes().unwrap().to_vec()).unwrap();
        let value = Reader::new(reader.skip().unwrap()).read().unwrap();
        text.push(match value {
            Value::Str(value) => format!("{key}={}", String::from_utf8_lossy(value)),
            value => format!("{key}={value:?}"),
        });
    }
    text.join(" ")
}

#[test]
fn what_is_longer_than_any_message_is_cut_and_says_so() {
    let long = "é".repeat(100_000);
    let chunk = seal(|builder| {
        let time = Timestamp { unix_micros: NOW, digits: 6 };
        let mut record = LogRecord::new(Table::Postgres, time, Some(Severity::Log));
        record.set_text(Column::Message, Some(b"small"));
        put(builder, 0, &record);
        record.set_text(Column::Query, Some(long.as_bytes()));
        put(builder, 1, &record);
        record.set_text(Column::Query, None);
        let extra = format!(r#"{{"a":"{long}"}}"#);
        record.extra = Some(extra.as_bytes());
        put(builder, 2, &record);
    });
    let parts = parts(&chunk, 64 << 10);
    assert_eq!(parts.iter().map(|part| part.truncated).sum::<u64>(), 2);
    assert!(parts.iter().all(|part| part.entries.len() <= 64 << 10));
    let back = read_back(&parts);
    let mut inflater = Inflater::new(1 << 30);
    let mut entries = EntryReader::new(inflater.inflate(Compression::Zstd, &back.entries).unwrap());
    let mut slots = RecordSlots::new();
    let mut next = || {
        slots.read(&mut entries).unwrap().unwrap();
        let extra: serde_json::Value = serde_json::from_slice(slots.extra().unwrap()).unwrap();
        (slots.get(Column::Query), slots.get(Column::Message), extra)
    };
    assert!(next().2.get("truncated").is_none());
    let (query, message, extra) = next();
    assert_eq!(query, Slot::Text(&long.as_bytes()[..1024]), "no torn character");
    assert_eq!((message, &extra["truncated"]["query"]), (Slot::Text(b"small"), &200_000.into()));
    let (.., extra) = next();
    assert_eq!(extra["truncated"]["extra"], 200_008);
    assert!(extra["extra"].as_str().unwrap().starts_with("{\"a\":\"éé"));
}

proptest! {
    #[test]
    fn whatever_the_texts_and_the_size_of_parts_the_same_comes_back(
        texts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..300), any::<bool>()), 1..30),
        part_max in 16_384_usize..200_000,
    ) {
        let chunk = seal(|builder| {
            for (at, (text, rejected)) in texts.iter().enumerate() {
                if *rejected {
                    builder.reject(at as u64, text, "torn record");
                } else {
                    put(builder, at as u64, &record(Table::ALL[at % 3], text, None));
                }
            }
        });
        let parts = parts(&chunk, part_max);
        prop_assert!(parts.iter().all(|part| part.entries.len() <= part_max && part.size > 0));
        prop_assert_eq!(parts.iter().map(|part| part.size).sum::<u64>(), texts.len() as u64);
        prop_assert_eq!(content(&read_back(&parts)), content(&chunk));
    }

    #[test]
    fn any_bytes_are_parts_or_an_error(bytes: Vec<u8>) {
        let _ = FullRecords::new(&STREAM, &source(), "", 0).parts(&bytes);
        if let Ok(record) = KeyedRecord::new(&bytes) {
            let time = Timestamp { unix_micros: 0, digits: 6 };
            let _ = KeyedReader::new(&LogSettings::default()).full(&record, time);
        }
    }
}
