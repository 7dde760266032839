//! Lines that are JSON objects, whoever wrote them: jsonlog, CloudNativePG's records, Patroni's, any other program's.
//!
//! They come in one container's log, line by line, so each line is told by itself:
//!
//! - jsonlog begins with its timestamp, without blanks; see [`crate::jsonlog`];
//! - CloudNativePG's instance manager reads csvlog and writes `{"level":"info","ts":…,"logger":"postgres","msg":"record","record":{…}}`, with
//!   csvlog's columns as strings, the empty ones left out; for pgaudit `"logger":"pgaudit"`, without a message and with its parts in
//!   `audit`, which goes to `extra`. `logging_pod` says what the record's source says, and is left out of `extra`;
//! - Patroni's have names of Python's `LogRecord` (`asctime`, `levelname`, …), or, where `log.format` renames them, a time as Python writes it
//!   (`2026-11-22 22:46:17,001`, or the configured `log.dateformat`);
//! - all others are a component's.
//!
//! What has no column goes to `extra` as it is written. An object too deep or with too many members to follow becomes a component's record
//! whose message is the line.

mod cloudnative;
mod keyed;
mod member;
mod program;

use std::ops::Range;

use crate::extra::{ESCAPED, Extra};
use crate::json::{self, Broken, Member, Value};
use crate::jsonlog::LineReader;
use crate::timestamp::TimestampReader;
use crate::typed::typed;
use crate::{
    Column, LogRecord, LogSettings, LogTimezone, PatroniFormat, Reason, Severity, Table, Timestamp,
};

use member::Members;

/// Reads such lines; holds the memory that their texts are decoded into.
#[derive(Debug)]
pub(crate) struct ObjectReader {
    jsonlog: LineReader,
    log_time: TimestampReader,
    session_start_time: TimestampReader,
    zone: LogTimezone,
    patroni_format: Option<PatroniFormat>,
    members: Vec<Member>,
    /// Members of an object in the object.
    inner: Vec<Member>,
    memory: Vec<u8>,
    extra: Extra,
}

impl ObjectReader {
    /// A reader of logs that were written with these settings.
    pub(crate) fn new(settings: &LogSettings) -> Self {
        Self {
            jsonlog: LineReader::new(settings.log_timezone),
            log_time: TimestampReader::new(settings.log_timezone),
            session_start_time: TimestampReader::of_sessions(settings.log_timezone),
            zone: settings.log_timezone,
            patroni_format: settings.patroni_format.clone(),
            members: Vec::new(),
            inner: Vec::new(),
            memory: Vec::new(),
            extra: Extra::default(),
        }
    }

    /// The record that is all of `line`, which begins with a brace and may have its line end. `fallback` is its time where it says none.
    ///
    /// [`Reason::Json`] means that it isn't one whole object: torn, or text that merely begins with a brace.
    pub(crate) fn read<'a>(
        &'a mut self,
        line: &'a [u8],
        fallback: Option<Timestamp>,
    ) -> Result<LogRecord<'a>, Reason> {
        let mut of_jsonlog = None;
        if line.starts_with(crate::jsonlog::START) {
            match self.jsonlog.read(line) {
                Ok(record) => return Ok(record),
                Err(reason) => of_jsonlog = Some(reason),
            }
        }
        match json::object(line, &mut self.members) {
            Ok(()) if self.members.is_empty() => return whole(line, fallback),
            Ok(()) => {}
            Err(Broken::Size) => return whole(line, fallback),
            Err(Broken::Syntax) => return Err(Reason::Json),
        }
        let members = Members::new(line, &self.members);
        if let Some(reason) = of_jsonlog
            && members.has(b"error_severity")
            && members.has(b"session_id")
        {
            return Err(reason);
        }
        if members.any(|key| key == ESCAPED) {
            return whole(line, fallback);
        }
        self.memory.clear();
        self.extra.clear();
        let mut draft = Draft {
            line,
            memory: &mut self.memory,
            extra: &mut self.extra,
            places: Default::default(),
        };
        if let Some(record) = cloudnative::record(&members) {
            let times = (&mut self.log_time, &mut self.session_start_time);
            cloudnative::compose(&members, record, &mut self.inner, &mut draft)?;
            return draft.typed(times);
        }
        let format = self.patroni_format.as_ref();
        let head = program::compose(&members, format, self.zone, (fallback, true), &mut draft)?;
        Ok(draft.finish(head))
    }

    /// The record that an object of another sender's is: a server's by its columns' names, or what [`read`](Self::read) makes of it. `table`
    /// is whose it is where that is known; `time` is its time, unless it is a server's or Patroni's and says one.
    pub(crate) fn read_keyed<'a>(
        &'a mut self,
        line: &'a [u8],
        table: Option<Table>,
        time: Timestamp,
    ) -> Result<LogRecord<'a>, Reason> {
        if json::object(line, &mut self.members).is_err() || self.members.is_empty() {
            return whole(line, Some(time));
        }
        let members = Members::new(line, &self.members);
        if members.any(|key| key == ESCAPED) {
            return whole(line, Some(time));
        }
        self.memory.clear();
        self.extra.clear();
        let mut draft = Draft {
            line,
            memory: &mut self.memory,
            extra: &mut self.extra,
            places: Default::default(),
        };
        let times = (&mut self.log_time, &mut self.session_start_time);
        if let Some(record) = cloudnative::record(&members) {
            cloudnative::compose(&members, record, &mut self.inner, &mut draft)?;
            return draft.typed(times);
        }
        let is_servers =
            table.map_or_else(|| keyed::is_servers(&members), |table| table == Table::Postgres);
        if is_servers {
            keyed::compose(&members, self.zone, time, &mut draft)?;
            return draft.typed(times);
        }
        let format = self.patroni_format.as_ref();
        let fallback = (Some(time), false);
        let head = program::compose(&members, format, self.zone, fallback, &mut draft)?;
        let record = draft.finish(head);
        Ok(LogRecord { table: table.unwrap_or(record.table), ..record })
    }

    /// All members of an object, for a record's `extra`.
    pub(crate) fn extra_of(&mut self, line: &[u8]) -> Option<&[u8]> {
        self.extra.clear();
        match json::object(line, &mut self.members) {
            Ok(()) => {
                let mut draft = Draft {
                    line,
                    memory: &mut self.memory,
                    extra: &mut self.extra,
                    places: Default::default(),
                };
                draft.keep(&Members::new(line, &self.members), |_| false);
            }
            Err(_) => self.extra.text(WHOLE, line),
        }
        self.extra.finish()
    }
}

/// The key of an object in `extra` that is too large to be taken apart.
const WHOLE: &[u8] = b"entry";

/// A line of which no more is known.
fn whole(line: &[u8], fallback: Option<Timestamp>) -> Result<LogRecord<'_>, Reason> {
    let time = fallback.ok_or(Reason::Value(Column::LogTime))?;
    let mut record = LogRecord::new(Table::Component, time, None);
    record.set_text(Column::Message, Some(line_text(line)));
    Ok(record)
}

/// A line without its line end.
fn line_text(line: &[u8]) -> &[u8] {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// Where a text stands.
#[derive(Debug, Clone, Default)]
enum Place {
    #[default]
    Absent,
    Line(Range<usize>),
    Memory(Range<usize>),
}

/// What a record has besides its texts.
struct Head {
    table: Table,
    log_time: Timestamp,
    error_severity: Option<Severity>,
    severity_as_written: Place,
    process_id: Option<i32>,
}

/// A record in the making.
struct Draft<'a> {
    line: &'a [u8],
    memory: &'a mut Vec<u8>,
    extra: &'a mut Extra,
    places: [Place; Column::COUNT],
}

impl<'a> Draft<'a> {
    /// Where the string's text stands: in the line, or decoded.
    fn text(&mut self, value: &Value) -> Place {
        let (from, to) = value.inner();
        if !value.folded {
            return Place::Line(from..to);
        }
        self.join(|draft| {
            json::decode(draft.line.get(from..to).unwrap_or_default(), draft.memory);
        })
    }

    /// What `write` puts behind the memory's end.
    fn join(&mut self, write: impl FnOnce(&mut Self)) -> Place {
        let from = self.memory.len();
        write(self);
        Place::Memory(from..self.memory.len())
    }

    fn set(&mut self, column: Column, place: Place) {
        self.places[column as usize] = place;
    }

    /// Puts members into `extra`, but for those that `taken` says are elsewhere.
    fn keep(&mut self, members: &Members<'_>, taken: impl Fn(usize) -> bool) {
        for at in (0..members.len()).filter(|at| !taken(*at)) {
            let key = members.key(at);
            // A key that stands twice is kept where it stands first, with all its values.
            if (0..at).any(|before| !taken(before) && members.key(before) == key) {
                continue;
            }
            let same = (at..members.len()).filter(|at| !taken(*at) && members.key(*at) == key);
            self.extra.values(&key, self.line, same.map(|at| members.value(at)));
        }
    }

    /// A program's record.
    fn finish(self, head: Head) -> LogRecord<'a> {
        let (line, memory): (&'a [u8], &'a [u8]) = (self.line, self.memory);
        let mut record = LogRecord::new(head.table, head.log_time, head.error_severity);
        record.severity_as_written = lent(&head.severity_as_written, line, memory);
        record.process_id = head.process_id;
        record.extra = self.extra.finish();
        record.texts = self.places.map(|place| lent(&place, line, memory));
        record
    }

    /// A server's record, whose numbers, times and severity are texts.
    fn typed(
        self,
        times: (&mut TimestampReader, &mut TimestampReader),
    ) -> Result<LogRecord<'a>, Reason> {
        let (line, memory): (&'a [u8], &'a [u8]) = (self.line, self.memory);
        let texts = self.places.map(|place| lent(&place, line, memory));
        Ok(LogRecord { extra: self.extra.finish(), ..typed(texts, times)? })
    }
}

fn lent<'a>(place: &Place, line: &'a [u8], memory: &'a [u8]) -> Option<&'a [u8]> {
    match place {
        Place::Absent => None,
        Place::Line(range) => line.get(range.clone()),
        Place::Memory(range) => memory.get(range.clone()),
    }
}

#[cfg(test)]
mod tests;
