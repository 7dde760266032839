//! Lines of a stderr log told apart, and records made of them: fields of the prefix into their columns, texts restored.

use memchr::memchr;

use crate::severity::Reading;
use crate::timestamp::TimestampReader;
use crate::{Column, LogRecord, LogSettings, Reason, Severity, Table, Timestamp, escape};

use super::labels::Label;
use super::lead::Lead;
use super::parts::{Escape, WINDOW};
use super::position;
use super::prefixes::{Heading, Prefixes, Words};
use super::server::{COLUMNS, Said, ServerRecord, Text};
use super::unknown::is_unknown;

/// Reads records; holds the memory that texts are restored into.
#[derive(Debug)]
pub(crate) struct StderrReader {
    prefixes: Prefixes,
    log_time: TimestampReader,
    session_start_time: TimestampReader,
    restored: Vec<u8>,
    extra: Vec<u8>,
}

/// What a line is that no tab begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// It has a prefix.
    Heading(Heading),
    /// So many bytes of a record that stops in its prefix; the next one follows at once.
    Torn(usize),
    /// It has none, but begins like one: it may have been broken by a line feed in a name.
    Broken,
    /// It has none.
    Plain,
}

/// Where a column's text is.
#[derive(Debug, Clone, Copy, Default)]
enum Place {
    #[default]
    Absent,
    Buffer(usize, usize),
    Restored(usize, usize),
}

impl StderrReader {
    /// How far from a line's start a line feed in a name may have put the end of its prefix.
    pub(crate) const REACH: usize = WINDOW;

    pub(crate) fn new(settings: &LogSettings) -> Self {
        Self {
            prefixes: Prefixes::new(settings.log_line_prefix.as_ref()),
            log_time: TimestampReader::new(settings.log_timezone),
            session_start_time: TimestampReader::of_sessions(settings.log_timezone),
            restored: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// What this line, or several that a line feed in a name broke, is, going by words that are known.
    pub(crate) fn line(&mut self, line: &[u8]) -> Line {
        match self.prefixes.heading(line, Words::Known) {
            (Some(heading), _) => match self.prefixes.start_behind_torn(line, &heading) {
                Some(len) => Line::Torn(len),
                None => Line::Heading(heading),
            },
            (None, true) => Line::Broken,
            (None, false) => Line::Plain,
        }
    }

    /// The same for a line with a severity in no language that is known.
    pub(crate) fn line_of_unknown_severity(&mut self, line: &[u8]) -> Option<Heading> {
        self.prefixes.heading(line, Words::Any).0
    }

    /// When the line was written, by its prefix.
    pub(crate) fn said(&mut self, line: &[u8], heading: &Heading) -> Said {
        let value = |escape| heading.spans.get(line, escape);
        let mut said = Said::Nothing;
        for escape in [Escape::TimeMillis, Escape::Epoch, Escape::Time] {
            let Some(text) = value(escape) else { continue };
            let time = match escape {
                Escape::Epoch => epoch(text),
                _ => self.log_time.read(text),
            };
            match time {
                Some(time) => return Said::Time(time),
                None => said = Said::Unreadable,
            }
        }
        said
    }

    /// The record that stands at the start of `buf`; `time` is for one that doesn't say its own.
    pub(crate) fn record<'a>(
        &'a mut self,
        buf: &'a [u8],
        found: &ServerRecord,
        time: Option<Timestamp>,
    ) -> Result<LogRecord<'a>, Reason> {
        let log_time = match found.said {
            Said::Time(time) => time,
            Said::Nothing => time.ok_or(Reason::NoTime)?,
            Said::Unreadable => return Err(Reason::Value(Column::LogTime)),
        };
        let value = |escape| found.heading.spans.get(buf, escape);
        let session_start_time = match (value(Escape::Start), value(Escape::SessionId)) {
            (Some(text), _) => {
                let read = self.session_start_time.read(text);
                Some(read.ok_or(Reason::Value(Column::SessionStartTime))?)
            }
            (None, Some(id)) => session_start(id),
            (None, None) => None,
        };

        self.restored.clear();
        let mut places = [Place::Absent; Column::COUNT];
        for (escape, column) in TEXTS {
            let can_be_unknown =
                matches!(escape, Escape::User | Escape::Database | Escape::Application);
            let place = found.heading.spans.place(escape);
            if let Some((from, to)) = place
                && !(can_be_unknown && is_unknown(&buf[from..to]))
            {
                places[column as usize] = Place::Buffer(from, to);
            }
        }
        places[Column::ConnectionFrom as usize] =
            match (value(Escape::RemoteHostAndPort), found.heading.spans.place(Escape::RemoteHost))
            {
                (Some(remote), _) => self.connection_from(remote),
                (None, Some((from, to))) => Place::Buffer(from, to),
                (None, None) => Place::Absent,
            };

        let (message, sql_state, position) = split_message(buf, found);
        places[Column::Message as usize] = self.restore(buf, message);
        for (label, column) in COLUMNS {
            if let Some(text) = found.text(label) {
                places[column as usize] = self.restore(buf, text);
            }
        }
        let sql_state = sql_state.and_then(|(from, to)| {
            places[Column::SqlStateCode as usize] = Place::Buffer(from, to);
            buf.get(from..to)
        });
        self.compose_extra(buf, found.text(Label::Backtrace), value(Escape::LocalHost));

        let restored = &self.restored;
        let mut record = LogRecord::new(Table::Postgres, log_time, None);
        record.texts = places.map(|place| match place {
            Place::Absent => None,
            Place::Buffer(from, to) => buf.get(from..to),
            Place::Restored(from, to) => restored.get(from..to),
        });
        let word = buf.get(found.heading.word.0..found.heading.word.1).unwrap_or_default();
        let (severity, is_known) = severity(word, sql_state, found);
        record.error_severity = Some(severity);
        record.severity_as_written = (!is_known).then_some(word);
        record.session_start_time = session_start_time;
        record.process_id = match (value(Escape::ProcessId), value(Escape::SessionId)) {
            (Some(text), _) => Some(number(text, Column::ProcessId)?),
            (None, Some(id)) => session_process(id),
            (None, None) => None,
        };
        let leader = value(Escape::LeaderPid).map(|text| number(text, Column::LeaderPid));
        record.leader_pid = leader.transpose()?;
        let wide = |escape, column| value(escape).map(|text| number(text, column)).transpose();
        record.session_line_num = wide(Escape::Line, Column::SessionLineNum)?;
        record.transaction_id = wide(Escape::TransactionId, Column::TransactionId)?;
        record.query_id = wide(Escape::QueryId, Column::QueryId)?;
        if found.text(Label::Query).is_some() {
            record.internal_query_pos = position;
        } else {
            record.query_pos = position;
        }
        record.extra = (!self.extra.is_empty()).then_some(&self.extra);
        Ok(record)
    }

    /// `host(port)` as csvlog has it, `host:port`; a host alone stays.
    fn connection_from(&mut self, remote: &[u8]) -> Place {
        let from = self.restored.len();
        match memchr(b'(', remote).zip(remote.strip_suffix(b")")) {
            Some((at, open)) => {
                self.restored.extend_from_slice(&open[..at]);
                self.restored.push(b':');
                self.restored.extend_from_slice(&open[at + 1..]);
            }
            None => self.restored.extend_from_slice(remote),
        }
        Place::Restored(from, self.restored.len())
    }

    /// The text without the tabs that the server put behind its line feeds.
    fn restore(&mut self, buf: &[u8], text: Text) -> Place {
        if !text.folded {
            return Place::Buffer(text.from, text.to);
        }
        let from = self.restored.len();
        let mut rest = buf.get(text.from..text.to).unwrap_or_default();
        while let Some(at) = memchr(b'\n', rest) {
            self.restored.extend_from_slice(&rest[..=at]);
            rest = rest.get(at + 2..).unwrap_or_default();
        }
        self.restored.extend_from_slice(rest);
        Place::Restored(from, self.restored.len())
    }

    /// What no column is for.
    fn compose_extra(&mut self, buf: &[u8], backtrace: Option<Text>, local_host: Option<&[u8]>) {
        self.extra.clear();
        if backtrace.is_none() && local_host.is_none() {
            return;
        }
        let mut object = serde_json::Map::new();
        if let Some(text) = backtrace {
            let kept = self.restored.len();
            if let Place::Restored(from, to) = self.restore(buf, Text { folded: true, ..text }) {
                let text = escape::to_text(&self.restored[from..to]).into_owned();
                object.insert("backtrace".to_owned(), text.into());
            }
            self.restored.truncate(kept);
        }
        if let Some(host) = local_host {
            object.insert("local_host".to_owned(), escape::to_text(host).into());
        }
        // Writing strings into memory can't fail.
        let _ = serde_json::to_writer(&mut self.extra, &object);
    }
}

/// Escapes that are a column's text as they stand.
const TEXTS: [(Escape, Column); 7] = [
    (Escape::User, Column::UserName),
    (Escape::Database, Column::DatabaseName),
    (Escape::Application, Column::ApplicationName),
    (Escape::BackendType, Column::BackendType),
    (Escape::CommandTag, Column::CommandTag),
    (Escape::SessionId, Column::SessionId),
    (Escape::VirtualTransactionId, Column::VirtualTransactionId),
];

/// The message itself, where the SQLSTATE stands, and the position, as far as they can be told.
fn split_message(buf: &[u8], found: &ServerRecord) -> (Text, Option<(usize, usize)>, Option<i32>) {
    let mut message = found.message();
    let bytes = |text: Text| buf.get(text.from..text.to).unwrap_or_default();
    let mut sql_state = found.heading.spans.place(Escape::SqlState);
    // A location and a SQLSTATE before the message are what makes a log verbose: there is never the one without the other.
    if found.text(Label::Location).is_some()
        && let Some((state, b": ")) = bytes(message).get(..7).map(|start| start.split_at(5))
        && state.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        && sql_state.is_none_or(|(from, to)| buf.get(from..to) == Some(state))
    {
        sql_state = Some((message.from, message.from + 5));
        message.from += 7;
    }
    let mut position = None;
    // It is a position in a statement that the log shows; otherwise the message may as well end so by itself.
    if (found.text(Label::Query).is_some() || found.text(Label::Statement).is_some())
        && let Some((len, number)) = position::split(bytes(message))
    {
        message.to = message.from + len;
        position = Some(number);
    }
    (message, sql_state, position)
}

/// The severity, and whether it is known rather than decided.
fn severity(word: &[u8], sql_state: Option<&[u8]>, found: &ServerRecord) -> (Severity, bool) {
    match Severity::read(word, sql_state) {
        Some(Reading::Known(severity)) => (severity, found.heading.lead != Lead::Unknown),
        Some(Reading::BySqlState(severity)) => (severity, false),
        // By default, a server shows the statement of errors and of nothing less.
        None if found.text(Label::Statement).is_some() => (Severity::Error, false),
        None => (Severity::Log, false),
    }
}

fn number<T: std::str::FromStr>(text: &[u8], column: Column) -> Result<T, Reason> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.ok_or(Reason::Value(column))
}

/// `1795387517.806`
fn epoch(text: &[u8]) -> Option<Timestamp> {
    let (seconds, fraction) = std::str::from_utf8(text).ok()?.split_once('.')?;
    let digits = u8::try_from(fraction.len()).ok().filter(|digits| *digits <= 6)?;
    let fraction = fraction.parse::<i64>().ok()? * 10i64.pow(6 - u32::from(digits));
    // What Forward's EventTime carries, as for every other time.
    let seconds = i64::from(seconds.parse::<u32>().ok()?);
    Some(Timestamp { unix_micros: seconds * 1_000_000 + fraction, digits })
}

/// A session's identifier is its start in seconds since 1970 and its process, both in hexadecimal.
fn session_start(id: &[u8]) -> Option<Timestamp> {
    let (start, _) = std::str::from_utf8(id).ok()?.split_once('.')?;
    let seconds = i64::from(u32::from_str_radix(start, 16).ok()?);
    Some(Timestamp { unix_micros: seconds * 1_000_000, digits: 0 })
}

fn session_process(id: &[u8]) -> Option<i32> {
    let (_, process) = std::str::from_utf8(id).ok()?.split_once('.')?;
    i32::from_str_radix(process, 16).ok()
}
