//! From csvlog into a forward chunk and out of it again.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use bytes::BytesMut;
use proptest::prelude::*;
use trunkline_forward::server::{Event, Server};
use trunkline_forward::{EntryReader, Inflater, Limits, Message};
use trunkline_record::{
    ChunkBuilder, ChunkHeader, ChunkLimits, Column, End, Format, LogRecord, LogSettings, Parser,
    RecordSlots, Row, Severity, Sink, Slot, Source, StreamId, Table, Timestamp, message,
};

const STREAM: StreamId = StreamId([7; 16]);

fn source() -> Source {
    Source { cluster: Some("orders".into()), pod: Some("orders-0".into()), ..Source::default() }
}

/// The messages that carry `log` in chunks of at most `limit` bytes, as a server reads them.
fn ship(log: &[u8], limit: usize) -> Vec<Message> {
    let mut parser = Parser::new(Format::Csvlog, &LogSettings::default());
    let mut builder = ChunkBuilder::new(ChunkLimits { bytes: limit, ..ChunkLimits::default() });
    let (mut at, mut wire) = (0, Vec::new());
    loop {
        let consumed = parser.parse(&log[at..], at as u64, End::Final, &mut builder);
        at += consumed;
        if builder.is_empty() {
            break;
        }
        let chunk = builder.finish(at as u64).unwrap();
        message("postgres", &STREAM, &source(), "/log/a.csv", Some(5), &chunk, &mut wire);
    }
    let mut server = Server::new(Limits::default());
    let mut buf = BytesMut::from(&wire[..]);
    let mut messages = Vec::new();
    while let Some(Event::Message(message)) = server.receive(&mut buf).unwrap() {
        messages.push(message);
    }
    messages
}

#[test]
fn a_record_arrives_with_every_column_its_position_and_its_source() {
    let line = "2026-11-22 23:06:32.715 UTC,\"u\",\"d\",4711,\"f\",s.1,3,\"c\",2026-11-22 23:06:30 UTC,3/14,741,\
                ERROR,22012,\"m \"\"q\"\"\",\"D\",\"h\",\"i\",7,\"C\",\"q\",8,\"L\",\"a\",\"b\",99,-42\n";
    let log = format!("garbage\n{line}");
    let messages = ship(log.as_bytes(), 1 << 20);
    let [message] = &messages[..] else { panic!("{} messages", messages.len()) };
    let header = ChunkHeader::from_options(&message.options).unwrap().unwrap();
    assert_eq!(
        (header.stream, header.from, header.to, header.acked),
        (STREAM, 0, log.len() as u64, Some(5))
    );
    assert_eq!((header.source, header.path.as_deref()), (source(), Some("/log/a.csv")));
    assert_eq!(
        message.options.chunk.as_deref(),
        Some(format!("{STREAM}:0-{}", log.len()).as_bytes())
    );

    let mut inflater = Inflater::new(1 << 20);
    let mut entries = EntryReader::new(message.entries(&mut inflater).unwrap());
    let mut slots = RecordSlots::new();
    let reason = b"1 columns, where csvlog has 23, 24 or 26";
    assert_eq!(
        slots.read(&mut entries).unwrap(),
        Some(Row::Rejected { raw: b"garbage\n", reason })
    );
    assert_eq!(slots.position(), 0);
    assert_eq!(slots.read(&mut entries).unwrap(), Some(Row::Record));
    assert_eq!(slots.position(), 8);
    let (columns, others) = Column::ALL.split_at(Column::CSVLOG);
    assert!(others.iter().all(|column| slots.get(*column) == Slot::Null));
    let values: Vec<_> = columns.iter().map(|column| slots.get(*column)).collect();
    let text = |text: &'static str| Slot::Text(text.as_bytes());
    assert_eq!(
        values,
        [
            Slot::Time(1_795_388_792_715_000),
            text("u"),
            text("d"),
            Slot::Int(4711),
            text("f"),
            text("s.1"),
            Slot::Int(3),
            text("c"),
            Slot::Time(1_795_388_790_000_000),
            text("3/14"),
            Slot::Int(741),
            Slot::Severity(Severity::Error),
            text("22012"),
            text("m \"q\""),
            text("D"),
            text("h"),
            text("i"),
            Slot::Int(7),
            text("C"),
            text("q"),
            Slot::Int(8),
            text("L"),
            text("a"),
            text("b"),
            Slot::Int(99),
            Slot::Int(-42),
        ]
    );
    assert_eq!(slots.read(&mut entries).unwrap(), None);
}

#[test]
fn records_of_all_tables_travel_in_one_chunk() {
    let time = Timestamp { unix_micros: 1_795_388_792_715_000, digits: 3 };
    let mut builder = ChunkBuilder::new(ChunkLimits::default());
    let mut patroni = LogRecord::new(Table::Patroni, time, Some(Severity::Info));
    patroni.set_text(Column::Logger, Some(b"patroni.ha"));
    patroni.set_text(Column::Thread, Some(b"MainThread"));
    patroni.extra = Some(br#"{"scope": "orders"}"#);
    let mut component = LogRecord::new(Table::Component, time, None);
    component.set_text(Column::Component, Some(b"pgbackrest"));
    let postgres = LogRecord::new(Table::Postgres, time, Some(Severity::Log));
    for (position, record) in [(0, &patroni), (10, &component), (20, &postgres)] {
        let _ = builder.record(position, 10, record);
    }
    let chunk = builder.finish(30).unwrap();
    let entries = zstd::decode_all(&*chunk.entries).unwrap();
    let mut entries = EntryReader::new(&entries);
    let mut slots = RecordSlots::new();
    let text = |text: &'static str| Slot::Text(text.as_bytes());

    assert_eq!(slots.read(&mut entries).unwrap(), Some(Row::Record));
    assert_eq!((slots.table(), slots.extra()), (Table::Patroni, patroni.extra));
    assert_eq!(slots.get(Column::Logger), text("patroni.ha"));
    assert_eq!(slots.get(Column::Thread), text("MainThread"));
    assert_eq!(slots.get(Column::ErrorSeverity), Slot::Severity(Severity::Info));
    assert_eq!(slots.read(&mut entries).unwrap(), Some(Row::Record));
    assert_eq!((slots.table(), slots.extra(), slots.position()), (Table::Component, None, 10));
    assert_eq!(slots.get(Column::Component), text("pgbackrest"));
    assert_eq!(slots.get(Column::ErrorSeverity), Slot::Null);
    assert_eq!(slots.get(Column::Logger), Slot::Null);
    assert_eq!(slots.read(&mut entries).unwrap(), Some(Row::Record));
    assert_eq!(slots.table(), Table::Postgres);
    assert_eq!(slots.read(&mut entries).unwrap(), None);
}

#[test]
fn a_server_record_without_a_severity_is_no_record() {
    let time = Timestamp { unix_micros: 0, digits: 0 };
    let mut builder = ChunkBuilder::new(ChunkLimits::default());
    let _ = builder.record(0, 1, &LogRecord::new(Table::Postgres, time, None));
    let entries = zstd::decode_all(&*builder.finish(1).unwrap().entries).unwrap();
    let error = RecordSlots::new().read(&mut EntryReader::new(&entries)).unwrap_err();
    assert_eq!(error.to_string(), "invalid error_severity in a record");
}

#[test]
fn chunks_follow_one_another_without_a_gap() {
    let line = "2026-11-22 23:06:32.715 UTC,,,1,,s.1,1,,2026-11-22 23:06:30 UTC,,0,LOG,00000,\"m\",,,,,,,,,\"\",\"\",,0\n";
    let log = line.repeat(100);
    let messages = ship(log.as_bytes(), 300);
    assert!(messages.len() > 10, "{}", messages.len());
    let mut at = 0;
    for message in &messages {
        let header = ChunkHeader::from_options(&message.options).unwrap().unwrap();
        assert_eq!(header.from, at);
        at = header.to;
    }
    assert_eq!(at, log.len() as u64);
}

/// The header of a chunk whose sender is of this version.
fn of_version(version: u8) -> Result<Option<ChunkHeader>, String> {
    let messages = ship(b"garbage\n", 1 << 20);
    let mut wire = messages[0].options.get("trunkline").unwrap().unwrap().to_vec();
    let at = wire.iter().position(|byte| *byte == b'v').unwrap() + 1;
    wire[at] = version;
    let mut message = vec![0x93, 0xa1, b't', 0xa0, 0x81, 0xa9];
    message.extend_from_slice(b"trunkline");
    message.extend_from_slice(&wire);
    let message = Message::decode(&message.into()).unwrap();
    ChunkHeader::from_options(&message.options).map_err(|error| error.to_string())
}

#[test]
fn a_chunk_of_an_older_sender_is_read_and_one_of_a_newer_is_refused() {
    assert_eq!(of_version(1), of_version(2));
    assert!(matches!(of_version(1), Ok(Some(_))));
    for version in [0, 3] {
        let refused = of_version(version).unwrap_err();
        assert!(
            refused.starts_with(&format!("chunk header of version {version}, 1 to 2 are known: "))
        );
    }
}

proptest! {
    #[test]
    fn slots_survive_any_entries(bytes: Vec<u8>) {
        let mut entries = EntryReader::new(&bytes);
        let mut slots = RecordSlots::new();
        while let Ok(Some(_)) = slots.read(&mut entries) {}
    }
}
