//! Records of other senders: any MessagePack at all, and any members beside one that nobody knows, which has to come out again.

use std::ops::ControlFlow;

use serde_json::Value as Json;
use trunkline_forward::msgpack::{Reader, Value, write_map, write_str};
use trunkline_record::{
    End, Format, KeyedReader, KeyedRecord, LogRecord, LogSettings, Parser, Rejected, Sink, Table,
    Timestamp, ndjson,
};

const TIME: Timestamp = Timestamp { unix_micros: 1_795_387_577_001_000, digits: 6 };
/// A member that nobody knows.
const MARK: (&str, &str) = ("a mark", "which is neither a time nor a number nor a severity");
/// Most members of a record that is made here.
const MEMBERS: u32 = 64;

/// The first byte says whose the records are, the rest is MessagePack, one value behind the other.
pub fn keyed(input: &[u8]) {
    let Some((&how, values)) = input.split_first() else { return };
    let table = Table::ALL.get(usize::from(how & 3)).copied();
    let mut keyed = KeyedReader::new(&LogSettings::default());
    let mut reader = Reader::new(values);
    while let Ok(map) = reader.skip() {
        check(&mut keyed, map, table, false);
        if let Some(marked) = marked(map) {
            check(&mut keyed, &marked, table, true);
        }
    }
}

/// The same map with the mark as its last member.
fn marked(map: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(map);
    let Ok(Value::Map(members)) = reader.read() else { return None };
    let mut bytes = Vec::new();
    write_map(&mut bytes, members.min(MEMBERS) + 1);
    for _ in 0..2 * members.min(MEMBERS) {
        bytes.extend_from_slice(reader.skip().ok()?);
    }
    write_str(&mut bytes, MARK.0.as_bytes());
    write_str(&mut bytes, MARK.1.as_bytes());
    Some(bytes)
}

/// Reads one record in all ways that there are.
fn check(keyed: &mut KeyedReader, map: &[u8], table: Option<Table>, is_marked: bool) {
    let Ok(record) = KeyedRecord::new(map) else { return };
    let has_mark = |text: &[u8]| {
        let text = std::str::from_utf8(text).expect("UTF-8");
        assert!(!is_marked || text.contains(MARK.1), "the mark is gone: {text}");
    };
    let is_json = |json: &[u8]| {
        has_mark(json);
        serde_json::from_slice::<Json>(json).expect("JSON");
    };
    // For people, with the bytes made visible that aren't UTF-8.
    has_mark(&record.to_json());
    let _ = record.source();
    if let Ok(row) = keyed.read(&record, table, TIME) {
        is_json(&line_of(&row));
    }
    let Some(line) = record.line(None) else { return };
    let beside = keyed.beside(&record, line);
    assert!(!is_marked || beside.is_some(), "the mark is gone");
    let Some(beside) = beside else { return };
    is_json(&beside);
    let mut merging = Merging { keyed, beside, is_json };
    Parser::new(Format::PatroniJson, &LogSettings::default()).parse(
        line.text,
        0,
        End::Final,
        &mut merging,
    );
}

fn line_of(record: &LogRecord<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    ndjson::write_record(&mut line, 0, record);
    line
}

/// Puts what stood beside a line to what the line says.
struct Merging<'k, F> {
    keyed: &'k mut KeyedReader,
    beside: Vec<u8>,
    is_json: F,
}

impl<F: Fn(&[u8])> Sink for Merging<'_, F> {
    fn record(&mut self, _: u64, _: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        let mut record = *record;
        record.extra = self.keyed.merge(record.extra, &self.beside);
        (self.is_json)(&line_of(&record));
        ControlFlow::Continue(())
    }

    fn rejected(&mut self, _: Rejected<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
