//! Records of other Forward senders: a MessagePack map by keys of the sender's own choice, made into a [`LogRecord`].
//!
//! - Keys that are csvlog's column names or jsonlog's keys make a server's record, as [`crate::jsonlog`] and csvlog would;
//! - some keys say whose record it is ([`KeyedRecord::source`]);
//! - one key may hold a line of a log ([`KeyedRecord::line`]), which a [`crate::Parser`] is to read;
//! - a record that a collector of ours wrote for others is read back as what it was ([`KeyedReader::full`]);
//! - everything else is a program's record, with what has no column in `extra`.
//!
//! The map becomes one JSON object first ([`json`]), so that there is one reader of both, and one way into `extra`. Texts stay the bytes
//! that they are.

mod full;
mod json;
mod merge;
mod origin;

use std::borrow::Cow;

use trunkline_forward::Error;
use trunkline_forward::msgpack::{Reader, Value};

use crate::object::ObjectReader;
use crate::{LogRecord, LogSettings, MapError, Reason, Source, Table, Timestamp};

/// Keys under which collectors of container logs and of journals hand on a line.
const LINES: [&[u8]; 3] = [b"log", b"message", b"MESSAGE"];
/// What says beside a line which of a container's outputs it came from: `stream` in the runtime's words, `source` in those of Docker's driver.
const OUTPUTS: [&[u8]; 2] = [b"stream", b"source"];
/// What a container runtime says beside it of its being whole, `P` or `F`.
const TAGS: [&[u8]; 2] = [b"_p", b"logtag"];
/// The same in the words of Docker's driver.
const PARTIAL: &[u8] = b"partial_message";
/// On the last piece.
const PARTIAL_LAST: &[u8] = b"partial_last";

/// A record's members, as they came.
#[derive(Debug, Clone)]
pub struct KeyedRecord<'a> {
    map: &'a [u8],
    /// Each key, and its value in MessagePack.
    members: Vec<(&'a [u8], &'a [u8])>,
}

/// A line of a log within a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyedLine<'a> {
    /// The line; possibly several.
    pub text: &'a [u8],
    /// Whether it came from a container's standard error.
    pub of_stderr: bool,
    /// Whether it is a piece, and more of the line is to come.
    pub partial: bool,
    at: usize,
}

impl<'a> KeyedRecord<'a> {
    /// The members of the MessagePack value `map`.
    ///
    /// # Errors
    /// When it isn't a map.
    pub fn new(map: &'a [u8]) -> Result<Self, MapError> {
        let mut reader = Reader::new(map);
        let Value::Map(pairs) = reader.read()? else {
            return Err(Error::Expected("a map as record").into());
        };
        // What is announced may be more than there is.
        let mut members = Vec::with_capacity(pairs.min(64) as usize);
        for _ in 0..pairs {
            let key = reader.skip()?;
            let key = Reader::new(key).read()?.bytes().unwrap_or(key);
            members.push((key, reader.skip()?));
        }
        Ok(Self { map, members })
    }

    /// Whose record it says that it is.
    pub fn source(&self) -> Source {
        origin::source(&self.members)
    }

    /// The line in the member `key`; without a key, in the first of those that usually hold one.
    pub fn line(&self, key: Option<&str>) -> Option<KeyedLine<'a>> {
        let find = |name: &[u8]| {
            let at = self.members.iter().position(|(key, _)| *key == name)?;
            Some((at, text(self.members[at].1)?))
        };
        let (at, text) = match key {
            Some(key) => find(key.as_bytes())?,
            None => LINES.iter().find_map(|name| find(name))?,
        };
        let says = |name: &[u8], word: &[u8]| find(name).is_some_and(|(_, text)| text == word);
        Some(KeyedLine {
            text,
            of_stderr: OUTPUTS.iter().any(|name| says(name, b"stderr")),
            partial: TAGS.iter().any(|name| says(name, b"P"))
                || says(PARTIAL, b"true") && !says(PARTIAL_LAST, b"true"),
            at,
        })
    }

    /// Whether these are a server's columns.
    pub fn is_servers(&self) -> bool {
        self.members.iter().any(|(key, _)| *key == b"error_severity")
    }

    /// Whether a collector of ours wrote it in full; see [`KeyedReader::full`].
    pub fn is_full(&self) -> bool {
        full::place(&self.members).is_some()
    }

    /// All of it as JSON, for people.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::new();
        json::write(self.map, &mut out);
        crate::escape::to_text(&out).into_owned().into_bytes()
    }

    /// Writes it as JSON without what says the source, and without the line.
    fn write_rest(&self, line: Option<KeyedLine<'_>>, out: &mut Vec<u8>) {
        out.clear();
        out.push(b'{');
        for (at, (key, value)) in self.members.iter().enumerate() {
            let with_line = line.is_some_and(|line| line.at == at || is_of_line(key, value));
            if with_line || origin::is_field(key, value) {
                continue;
            }
            let from = out.len();
            if from > 1 {
                out.push(b',');
            }
            json::write_key(key, out);
            let whole = if *key == origin::KUBERNETES {
                origin::write_rest(value, out)
            } else {
                json::write(value, out);
                true
            };
            if !whole {
                out.truncate(from);
            }
        }
        out.push(b'}');
    }
}

/// Whether a member says of a line beside it what [`KeyedRecord::line`] tells.
fn is_of_line(key: &[u8], value: &[u8]) -> bool {
    match text(value) {
        Some(b"stdout" | b"stderr") => OUTPUTS.contains(&key),
        Some(b"P" | b"F") => TAGS.contains(&key),
        Some(b"true" | b"false") => key == PARTIAL || key == PARTIAL_LAST,
        _ => false,
    }
}

/// A text; an empty one is one too.
fn text(value: &[u8]) -> Option<&[u8]> {
    Reader::new(value).read().ok()?.bytes()
}

/// What a collector of ours wrote in full.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::large_enum_variant)] // one at a time, and nearly always the large one
pub enum FullRecord<'a> {
    /// A record.
    Record(LogRecord<'a>),
    /// Bytes that are no record.
    Rejected {
        /// The bytes.
        raw: &'a [u8],
        /// What is wrong with them.
        reason: &'a [u8],
    },
}

/// Makes records of them; holds the memory that they are written into.
#[derive(Debug)]
pub struct KeyedReader {
    object: ObjectReader,
    json: Vec<u8>,
    merged: Vec<u8>,
    own: Vec<u8>,
}

impl KeyedReader {
    /// A reader of what was written with these settings.
    pub fn new(settings: &LogSettings) -> Self {
        Self {
            object: ObjectReader::new(settings),
            json: Vec::new(),
            merged: Vec::new(),
            own: Vec::new(),
        }
    }

    /// The record. `table` is whose it is where that is known, and `time` is its time unless it is a server's that says one.
    ///
    /// # Errors
    /// When it is a server's, and a column doesn't hold what it should.
    pub fn read<'s>(
        &'s mut self,
        record: &KeyedRecord<'_>,
        table: Option<Table>,
        time: Timestamp,
    ) -> Result<LogRecord<'s>, Reason> {
        record.write_rest(None, &mut self.json);
        self.object.read_keyed(&self.json, table, time)
    }

    /// The record that a collector of ours wrote in full, with its stream and position in `extra`; `None` if it is another sender's. `time`
    /// is its time if it says none.
    pub fn full<'s>(
        &'s mut self,
        record: &KeyedRecord<'s>,
        time: Timestamp,
    ) -> Option<FullRecord<'s>> {
        let mut read = match full::read(&record.members, time)? {
            FullRecord::Record(record) => record,
            rejected @ FullRecord::Rejected { .. } => return Some(rejected),
        };
        full::write_rest(&record.members, &mut self.json);
        let beside = self.object.extra_of(&self.json)?.to_vec();
        full::write_extra(&record.members, &mut self.own);
        let own = std::mem::take(&mut self.own);
        let merged = self.merge((!own.is_empty()).then_some(&own), &beside).map(<[u8]>::to_vec);
        self.own = merged.unwrap_or_default();
        read.extra = Some(&self.own);
        Some(FullRecord::Record(read))
    }

    /// What a record that holds `line` has beside it, to be added to the `extra` of what the line says.
    pub fn beside(&mut self, record: &KeyedRecord<'_>, line: KeyedLine<'_>) -> Option<Vec<u8>> {
        record.write_rest(Some(line), &mut self.json);
        self.object.extra_of(&self.json).map(<[u8]>::to_vec)
    }

    /// `extra` of a line's record together with what stood beside the line.
    pub fn merge<'s>(&'s mut self, extra: Option<&'s [u8]>, beside: &'s [u8]) -> Option<&'s [u8]> {
        let Some(extra) = extra else { return Some(beside) };
        self.merged.clear();
        merge::merge(extra, beside, &mut self.merged);
        Some(&self.merged)
    }
}

/// A source's text for a column: escaped where it isn't one.
fn owned(text: &[u8]) -> String {
    match crate::escape::to_text(text) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}

#[cfg(test)]
mod tests;
