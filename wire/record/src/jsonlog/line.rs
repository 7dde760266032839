//! One line of jsonlog made into a record.
//!
//! A reader of JSON for text would refuse what servers write: texts are in their database's encoding, not always UTF-8. So strings
//! are read as bytes; one without escapes is a slice of the line, others are unfolded into memory that is reused.

use crate::extra::Extra;
use crate::json::{self, Member};
use crate::timestamp::TimestampReader;
use crate::typed::typed;
use crate::{Column, Kind, LogRecord, LogTimezone, Reason};

/// Reads lines; holds the memory that escaped strings are unfolded into, and the last minute seen in either time.
#[derive(Debug)]
pub(crate) struct LineReader {
    log_time: TimestampReader,
    session_start_time: TimestampReader,
    unfolded: Vec<u8>,
    extra: Extra,
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, Default)]
enum Place {
    #[default]
    Absent,
    Line(usize, usize),
    Unfolded(usize, usize),
}

/// Keys that stand for a part of a column.
const PARTS: usize = 5;
const REMOTE_HOST: usize = 0;
const REMOTE_PORT: usize = 1;
const FUNC_NAME: usize = 2;
const FILE_NAME: usize = 3;
const FILE_LINE_NUM: usize = 4;

/// Where a key's value goes.
enum Target {
    Column(Column),
    Part(usize),
}

fn target(key: &[u8]) -> Option<Target> {
    Some(Target::Column(match key {
        b"timestamp" => Column::LogTime,
        b"user" => Column::UserName,
        b"dbname" => Column::DatabaseName,
        b"pid" => Column::ProcessId,
        b"remote_host" => return Some(Target::Part(REMOTE_HOST)),
        b"remote_port" => return Some(Target::Part(REMOTE_PORT)),
        b"session_id" => Column::SessionId,
        b"line_num" => Column::SessionLineNum,
        b"ps" => Column::CommandTag,
        b"session_start" => Column::SessionStartTime,
        b"vxid" => Column::VirtualTransactionId,
        b"txid" => Column::TransactionId,
        b"error_severity" => Column::ErrorSeverity,
        b"state_code" => Column::SqlStateCode,
        b"message" => Column::Message,
        b"detail" => Column::Detail,
        b"hint" => Column::Hint,
        b"internal_query" => Column::InternalQuery,
        b"internal_position" => Column::InternalQueryPos,
        b"context" => Column::Context,
        b"statement" => Column::Query,
        b"cursor_position" => Column::QueryPos,
        b"func_name" => return Some(Target::Part(FUNC_NAME)),
        b"file_name" => return Some(Target::Part(FILE_NAME)),
        b"file_line_num" => return Some(Target::Part(FILE_LINE_NUM)),
        b"application_name" => Column::ApplicationName,
        b"backend_type" => Column::BackendType,
        b"leader_pid" => Column::LeaderPid,
        b"query_id" => Column::QueryId,
        _ => return None,
    }))
}

impl LineReader {
    pub(crate) fn new(zone: LogTimezone) -> Self {
        Self {
            log_time: TimestampReader::new(zone),
            session_start_time: TimestampReader::of_sessions(zone),
            unfolded: Vec::new(),
            extra: Extra::default(),
        }
    }

    /// The record that is all of `line`, but for its line end.
    pub(crate) fn read<'a>(&'a mut self, line: &'a [u8]) -> Result<LogRecord<'a>, Reason> {
        self.unfolded.clear();
        let mut places = [Place::Absent; Column::COUNT];
        let mut parts = [Place::Absent; PARTS];
        let has_more = Object { line, at: 0, unfolded: &mut self.unfolded }
            .read(&mut places, &mut parts)
            .ok_or(Reason::Json)?;
        self.compose(line, &mut places, &parts);
        let unfolded = &self.unfolded;
        let mut texts = places.map(|place| match place {
            Place::Absent => None,
            Place::Line(from, to) => line.get(from..to),
            Place::Unfolded(from, to) => unfolded.get(from..to),
        });
        // Left out where csvlog writes it.
        texts[Column::SqlStateCode as usize].get_or_insert(b"00000");
        let times = (&mut self.log_time, &mut self.session_start_time);
        if has_more {
            let extra = extra(&mut self.extra, line).ok_or(Reason::Json)?;
            return typed(texts, times).map(|record| LogRecord { extra: Some(extra), ..record });
        }
        typed(texts, times)
    }

    /// Puts together what csvlog has in one column.
    fn compose(
        &mut self,
        line: &[u8],
        places: &mut [Place; Column::COUNT],
        parts: &[Place; PARTS],
    ) {
        let mut join = |separators: &[(&str, usize)]| {
            let from = self.unfolded.len();
            for (separator, part) in separators {
                self.unfolded.extend_from_slice(separator.as_bytes());
                match parts[*part] {
                    Place::Absent => {}
                    Place::Line(from, to) => {
                        self.unfolded.extend_from_slice(line.get(from..to).unwrap_or_default());
                    }
                    Place::Unfolded(from, to) => self.unfolded.extend_from_within(from..to),
                }
            }
            Place::Unfolded(from, self.unfolded.len())
        };
        let has = |part: usize| !matches!(parts[part], Place::Absent);
        places[Column::ConnectionFrom as usize] = match (has(REMOTE_HOST), has(REMOTE_PORT)) {
            (true, true) => join(&[("", REMOTE_HOST), (":", REMOTE_PORT)]),
            (true, false) => parts[REMOTE_HOST],
            (false, _) => Place::Absent,
        };
        places[Column::Location as usize] = match (has(FUNC_NAME), has(FILE_NAME)) {
            (true, true) => join(&[("", FUNC_NAME), (", ", FILE_NAME), (":", FILE_LINE_NUM)]),
            (false, true) => join(&[("", FILE_NAME), (":", FILE_LINE_NUM)]),
            (_, false) => Place::Absent,
        };
    }
}

/// The keys that have no column, with their values: `backtrace`, and those of versions to come.
///
/// Hardly a record has any, so they are looked for in a second reading, and the first one isn't slowed down.
#[cold]
fn extra<'a>(extra: &'a mut Extra, line: &[u8]) -> Option<&'a [u8]> {
    let mut members = Vec::new();
    json::object(line, &mut members).ok()?;
    extra.clear();
    for Member { key, value } in &members {
        let (from, to) = key.inner();
        let mut name = Vec::new();
        json::decode(line.get(from..to)?, &mut name);
        if target(&name).is_none() {
            extra.values(&name, line, std::iter::once(value));
        }
    }
    extra.finish()
}

/// The object that a line is.
struct Object<'l, 'u> {
    line: &'l [u8],
    at: usize,
    unfolded: &'u mut Vec<u8>,
}

impl Object<'_, '_> {
    /// Notes where each value stands, and answers whether there are keys that have no column; `None` if the line isn't one object.
    fn read(
        &mut self,
        places: &mut [Place; Column::COUNT],
        parts: &mut [Place; PARTS],
    ) -> Option<bool> {
        self.expect(b'{')?;
        let mut has_more = false;
        loop {
            self.expect(b'"')?;
            let key = self.string()?;
            let target = match key {
                Place::Line(from, to) => target(self.line.get(from..to)?),
                // No key of jsonlog has an escape.
                _ => None,
            };
            self.expect(b':')?;
            let from = self.at;
            let value = match self.value() {
                Some(value) => value,
                None if target.is_none() => self.nested(from)?,
                None => return None,
            };
            match target {
                Some(Target::Column(column)) if fits(column.kind(), value.is_string) => {
                    places[column as usize] = value.place;
                }
                Some(Target::Column(_)) => return None,
                Some(Target::Part(part)) => parts[part] = value.place,
                None => has_more = true,
            }
            match self.next()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        matches!(self.line.get(self.at..)?, [] | [b'\n'] | [b'\r', b'\n']).then_some(has_more)
    }

    /// The value from `from`, of a key that has no column: an object, an array.
    #[cold]
    fn nested(&mut self, from: usize) -> Option<Value> {
        self.at = json::value(self.line, from).ok()?.to;
        Some(Value { place: Place::Absent, is_string: false })
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.line.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// The value that begins here: a string, or a number, a word.
    #[inline]
    fn value(&mut self) -> Option<Value> {
        if self.line.get(self.at) == Some(&b'"') {
            self.at += 1;
            return Some(Value { place: self.string()?, is_string: true });
        }
        let from = self.at;
        let rest = self.line.get(from..)?;
        let len = rest.iter().position(|byte| matches!(byte, b',' | b'}' | b'\n'))?;
        self.at += len;
        let place = match rest.get(..len)? {
            b"null" => Place::Absent,
            // Anything else is the beginning of a torn record with another one behind it.
            word if !word.is_empty()
                && word.iter().all(
                    |byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'a'..=b'z' | b'E'),
                ) =>
            {
                Place::Line(from, self.at)
            }
            _ => return None,
        };
        Some(Value { place, is_string: false })
    }

    /// The string whose quote has been read.
    #[inline]
    fn string(&mut self) -> Option<Place> {
        let from = self.at;
        let rest = self.line.get(from..)?;
        let stop = memchr::memchr2(b'"', b'\\', rest)?;
        self.at += stop + 1;
        if rest[stop] == b'"' { Some(Place::Line(from, from + stop)) } else { self.unfold(from) }
    }

    /// The string from `from`, which has an escape: its backslash has just been read.
    #[cold]
    fn unfold(&mut self, from: usize) -> Option<Place> {
        let start = self.unfolded.len();
        self.unfolded.extend_from_slice(self.line.get(from..self.at - 1)?);
        loop {
            match self.next()? {
                b'n' => self.unfolded.push(b'\n'),
                b't' => self.unfolded.push(b'\t'),
                b'r' => self.unfolded.push(b'\r'),
                b'b' => self.unfolded.push(0x08),
                b'f' => self.unfolded.push(0x0c),
                b'u' => self.character()?,
                plain @ (b'"' | b'\\' | b'/') => self.unfolded.push(plain),
                _ => return None,
            }
            let rest = self.line.get(self.at..)?;
            let stop = memchr::memchr2(b'"', b'\\', rest)?;
            self.unfolded.extend_from_slice(&rest[..stop]);
            self.at += stop + 1;
            if rest[stop] == b'"' {
                return Some(Place::Unfolded(start, self.unfolded.len()));
            }
        }
    }

    /// The character of the four hexadecimal digits here, and of a second half behind it.
    fn character(&mut self) -> Option<()> {
        let first = self.unit()?;
        let mut units = [first, 0];
        let mut count = 1;
        if (0xd800..0xdc00).contains(&first) && self.line.get(self.at..self.at + 2) == Some(br"\u")
        {
            self.at += 2;
            units[1] = self.unit()?;
            count = 2;
        }
        for character in char::decode_utf16(units[..count].iter().copied()) {
            let mut utf8 = [0; 4];
            self.unfolded.extend_from_slice(character.ok()?.encode_utf8(&mut utf8).as_bytes());
        }
        Some(())
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u16> {
        let digits = self.line.get(self.at..self.at + 4)?;
        self.at += 4;
        let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }
}

struct Value {
    place: Place,
    is_string: bool,
}

/// Texts, times and severities are strings, numbers aren't.
fn fits(kind: Kind, is_string: bool) -> bool {
    is_string != matches!(kind, Kind::Int4 | Kind::Int8)
}
