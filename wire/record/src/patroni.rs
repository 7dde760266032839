//! Patroni's log as text: Python's `logging`, by the configured `log.format` and `log.dateformat`, or by what they usually are.
//!
//! A [`TextReader`] says of one line whether it begins a record, and what its head says; every other line continues the record's
//! message, a traceback for instance. Source: Python's documentation, "LogRecord attributes" and `Formatter.formatTime`; Patroni's
//! documentation, "YAML Configuration Settings", section "Log". Patroni's JSON objects are read by [`crate::object`].

mod date;
mod format;
mod usual;

use std::ops::Range;

use regex::bytes::CaptureLocations;

use crate::{Column, LogRecord, LogSettings, LogTimezone, Severity, Table, Timestamp};

pub use format::{InvalidPatroniFormat, PatroniFormat};

/// What the first line of a record says. Ranges are of that line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextStart {
    /// When the record was written.
    pub log_time: Timestamp,
    /// How bad it is, if the record says so in a word that is known.
    pub error_severity: Option<Severity>,
    /// A level that has no severity of its own: Python programs can define theirs.
    pub severity_as_written: Option<Range<usize>>,
    /// `%(process)d`
    pub process_id: Option<i32>,
    /// `%(name)s`
    pub logger: Option<Range<usize>>,
    /// `%(threadName)s`
    pub thread: Option<Range<usize>>,
    /// Where in the program, as it is written: attributes such as `%(funcName)s` that stand next to one another.
    pub location: Option<Range<usize>>,
    /// What the head has beyond these: a JSON object.
    pub extra: Option<Box<[u8]>>,
    /// Where the message begins, which goes on over the lines that follow.
    pub message: usize,
}

impl TextStart {
    /// The record of these bytes, whose first line the start was read from. A line end behind the last line isn't part of them.
    pub(crate) fn record<'a>(&'a self, bytes: &'a [u8]) -> LogRecord<'a> {
        let text = |range: &Option<Range<usize>>| bytes.get(range.clone()?);
        let mut record = LogRecord::new(Table::Patroni, self.log_time, self.error_severity);
        record.severity_as_written = text(&self.severity_as_written);
        record.process_id = self.process_id;
        record.extra = self.extra.as_deref();
        record.set_text(Column::Logger, text(&self.logger));
        record.set_text(Column::Thread, text(&self.thread));
        record.set_text(Column::Location, text(&self.location));
        record.set_text(Column::Message, bytes.get(self.message..));
        record
    }
}

/// Finds the lines that begin a record.
#[derive(Debug)]
pub(crate) struct TextReader {
    zone: LogTimezone,
    /// The configured format, and memory for what it finds; without it, the usual formats.
    configured: Option<(PatroniFormat, CaptureLocations)>,
}

impl TextReader {
    /// A reader of the log of a Patroni with these settings.
    pub(crate) fn new(settings: &LogSettings) -> Self {
        let format = settings.patroni_format.clone();
        let configured = format.map(|format| {
            let memory = format.memory();
            (format, memory)
        });
        Self { zone: settings.log_timezone, configured }
    }

    /// What this line, without its line end, says when it begins a record.
    pub(crate) fn start(&mut self, line: &[u8]) -> Option<TextStart> {
        match &mut self.configured {
            Some((format, memory)) => format.start(line, memory, self.zone),
            None => usual::start(line, self.zone),
        }
    }
}

#[cfg(test)]
mod tests;
