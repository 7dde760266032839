//! Records for receivers that know nothing of Trunkline: each is a map by the columns' full names, with its source and its place in it.
//!
//! A forward chunk becomes one or more parts, since plain receivers take smaller messages than ours. Nothing of it is left out but what no
//! message could hold: of a record that is too long by itself, each long text is cut, and `truncated` says which, and how long they were.
//! Text stays the bytes that it is, in MessagePack's `str`, as Fluent Bit sends it. [`crate::KeyedReader`] reads all of it back.

use serde_json::Value as Json;
use trunkline_forward::msgpack::{
    write_array, write_bool, write_int, write_map, write_str, write_uint,
};
use trunkline_forward::{EntryReader, EventTime};

use crate::ndjson::{self, rfc3339};
use crate::{Column, MapError, RecordSlots, Row, Slot, Source, StreamId, Timestamp};

/// A part's bytes are at most so many. Fluent Bit takes 6,144,000, of the whole message and of what it unpacks: what is left is for the rest
/// of the message.
pub const PART_MAX: usize = 6_000_000;
/// What is kept of each text, and of `extra`, of a record that is longer than a part.
const KEPT: usize = 64 << 10;

/// The key that says whose record it is, by the table's name; and what it says of bytes that are no record.
pub(crate) const TABLE: &[u8] = b"table";
/// See [`TABLE`].
pub(crate) const REJECTED: &[u8] = b"rejected";
/// Keys of a record's place: its stream and its position there. Two records with the same place are the same record.
pub(crate) const STREAM: &[u8] = b"stream";
/// See [`STREAM`].
pub(crate) const POSITION: &[u8] = b"position";
/// Key of the file's path.
pub(crate) const PATH: &[u8] = b"path";
/// Key of what there is beyond the columns.
pub(crate) const EXTRA: &[u8] = b"extra";
/// Keys of bytes that are no record, and why.
pub(crate) const RAW: &[u8] = b"raw";
/// See [`RAW`].
pub(crate) const REASON: &[u8] = b"reason";
/// Key of the texts that were cut, with their lengths.
pub(crate) const TRUNCATED: &[u8] = b"truncated";

/// Entries for one message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// One entry behind the other, `[time, record]`.
    pub entries: Vec<u8>,
    /// How many.
    pub size: u64,
    /// How many of them had to be cut.
    pub truncated: u64,
}

/// Writes a forward chunk's records in full.
#[derive(Debug)]
pub struct FullRecords<'a> {
    /// What stands in each record beside what the record says: so many pairs.
    place: Vec<u8>,
    pairs: u16,
    now: EventTime,
    part_max: usize,
    slots: RecordSlots<'a>,
}

impl<'a> FullRecords<'a> {
    /// With what all records of the forward chunk have in common. `now`, in microseconds since 1970, is the time of what says none.
    pub fn new(stream: &StreamId, source: &Source, path: &str, now: i64) -> Self {
        let mut place = Vec::with_capacity(256);
        let mut pairs = 0;
        let mut pair = |name: &[u8], text: &str| {
            write_str(&mut place, name);
            write_str(&mut place, text.as_bytes());
            pairs += 1;
        };
        for (name, value) in source.fields() {
            if let Some(value) = value {
                pair(name.as_bytes(), value);
            }
        }
        pair(STREAM, &stream.to_string());
        pair(PATH, path);
        let now = EventTime::from_unix_micros(now).unwrap_or_default();
        Self { place, pairs, now, part_max: PART_MAX, slots: RecordSlots::new() }
    }

    /// Parts of another size than [`PART_MAX`].
    #[must_use]
    pub fn with_part_max(self, part_max: usize) -> Self {
        Self { part_max, ..self }
    }

    /// The parts of a forward chunk whose entries these are, in order; the same each time.
    ///
    /// # Errors
    /// When they are none that a [`crate::ChunkBuilder`] has made.
    pub fn parts(mut self, entries: &'a [u8]) -> Result<Vec<Part>, MapError> {
        let mut reader = EntryReader::new(entries);
        let mut parts = Vec::new();
        let mut part = Part::default();
        while let Some(row) = self.slots.read(&mut reader)? {
            let from = part.entries.len();
            self.write(row, None, &mut part.entries);
            let truncated = part.entries.len() - from > self.part_max;
            if truncated {
                part.entries.truncate(from);
                self.write(row, Some(KEPT.min(self.part_max / 64)), &mut part.entries);
            }
            if part.entries.len() > self.part_max && part.size > 0 {
                let next = part.entries.split_off(from);
                parts.push(std::mem::replace(&mut part, Part { entries: next, ..Part::default() }));
            }
            part.size += 1;
            part.truncated += u64::from(truncated);
        }
        if part.size > 0 {
            parts.push(part);
        }
        Ok(parts)
    }

    /// Appends one entry; with `kept`, no more than that of each text.
    fn write(&mut self, row: Row<'a>, kept: Option<usize>, out: &mut Vec<u8>) {
        if row == Row::Record {
            // A rejected record says no time: it gets that of the one before it.
            self.now = EventTime::from_unix_micros(self.slots.log_time()).unwrap_or(self.now);
        }
        write_array(out, 2);
        self.now.write(out);
        let mut map = Map::begin(out, kept);
        map.out.extend_from_slice(&self.place);
        map.pairs += self.pairs;
        map.key(POSITION);
        write_uint(map.out, self.slots.position());
        match row {
            Row::Record => self.record(&mut map),
            Row::Rejected { raw, reason } => {
                map.text(TABLE, REJECTED);
                map.text(REASON, reason);
                map.text(RAW, raw);
            }
        }
        map.end();
    }

    fn record(&self, map: &mut Map<'_>) {
        let slots = &self.slots;
        map.text(TABLE, slots.table().name().as_bytes());
        for column in Column::ALL {
            let name = column.name().as_bytes();
            match slots.get(column) {
                Slot::Null => {}
                Slot::Text(text) => map.text(name, text),
                Slot::Int(value) => {
                    map.key(name);
                    write_int(map.out, value);
                }
                Slot::Time(unix_micros) => {
                    let digits = if unix_micros % 1_000 == 0 { 3 } else { 6 };
                    map.text(name, rfc3339(Timestamp { unix_micros, digits }).as_bytes());
                }
                Slot::Severity(severity) => map.text(name, severity.as_str().as_bytes()),
            }
        }
        let extra = ndjson::extra(slots.extra(), slots.severity_as_written());
        if let Some(extra) = extra {
            map.extra(&extra);
        }
    }
}

/// A map that is being written. Its head is written last, when the number of its pairs is known, and takes three bytes.
struct Map<'o> {
    out: &'o mut Vec<u8>,
    head: usize,
    pairs: u16,
    kept: Option<usize>,
    /// What was cut, and how long it was.
    cut: Vec<(&'static [u8], usize)>,
}

impl<'o> Map<'o> {
    fn begin(out: &'o mut Vec<u8>, kept: Option<usize>) -> Self {
        let head = out.len();
        out.extend_from_slice(&[0xde, 0, 0]);
        Self { out, head, pairs: 0, kept, cut: Vec::new() }
    }

    fn key(&mut self, name: &[u8]) {
        write_str(self.out, name);
        self.pairs += 1;
    }

    fn text(&mut self, name: &'static [u8], text: &[u8]) {
        self.key(name);
        let fit = self.fit(name, text);
        write_str(self.out, fit);
    }

    /// As a map; as the beginning of its JSON where it is too long.
    fn extra(&mut self, extra: &Json) {
        let text = self.kept.map(|kept| (extra.to_string(), kept));
        match text.filter(|(text, kept)| text.len() > *kept) {
            Some((text, _)) => self.text(EXTRA, text.as_bytes()),
            None => {
                self.key(EXTRA);
                write_json(extra, self.out);
            }
        }
    }

    /// What is kept of a text.
    fn fit<'t>(&mut self, name: &'static [u8], text: &'t [u8]) -> &'t [u8] {
        match self.kept {
            Some(kept) if text.len() > kept => {
                self.cut.push((name, text.len()));
                beginning(text, kept)
            }
            _ => text,
        }
    }

    fn end(mut self) {
        if !self.cut.is_empty() {
            self.key(TRUNCATED);
            // At most one for each column, and a few.
            #[allow(clippy::cast_possible_truncation)]
            write_map(self.out, self.cut.len() as u32);
            for (name, len) in &self.cut {
                write_str(self.out, name);
                write_uint(self.out, *len as u64);
            }
        }
        if let Some(count) = self.out.get_mut(self.head + 1..self.head + 3) {
            count.copy_from_slice(&self.pairs.to_be_bytes());
        }
    }
}

/// The first bytes of a text, without a torn character where it is UTF-8.
fn beginning(text: &[u8], len: usize) -> &[u8] {
    let is_within = |at: &usize| text.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    // A character has at most four bytes.
    let end = (len.saturating_sub(3)..=len).rev().find(|at| !is_within(at)).unwrap_or(len);
    text.get(..end).unwrap_or(text)
}

/// A number that neither MessagePack's integers nor its floats hold is a text.
fn write_json(value: &Json, out: &mut Vec<u8>) {
    // What is in memory has less than 2^32 members.
    let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    match value {
        Json::Null => out.push(0xc0),
        Json::Bool(value) => write_bool(out, *value),
        Json::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => write_uint(out, number),
            (_, Some(number), _) => write_int(out, number),
            (.., Some(number)) => {
                out.push(0xcb);
                out.extend_from_slice(&number.to_be_bytes());
            }
            _ => write_str(out, number.to_string().as_bytes()),
        },
        Json::String(text) => write_str(out, text.as_bytes()),
        Json::Array(values) => {
            write_array(out, count(values.len()));
            values.iter().for_each(|value| write_json(value, out));
        }
        Json::Object(members) => {
            write_map(out, count(members.len()));
            for (key, value) in members {
                write_str(out, key.as_bytes());
                write_json(value, out);
            }
        }
    }
}
