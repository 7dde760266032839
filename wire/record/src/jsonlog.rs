//! jsonlog, as PostgreSQL 15 and newer write it: one JSON object a line, its keys mapped to csvlog's columns.
//!
//! Source: PostgreSQL manual, "Using JSON-Format Log Output". What csvlog says in one column and jsonlog in several is put together as
//! csvlog does: `connection_from` from `remote_host` and `remote_port`, `location` from `func_name`, `file_name` and `file_line_num`.
//! jsonlog leaves `state_code` out where csvlog writes `00000`; so does this reader not: both give the same record.
//!
//! A line feed inside a text is escaped, so each one ends a record. A record that was torn has the next one behind it on its line; a
//! record's beginning that stands quoted in a message is escaped too, and so is never taken for one.

mod line;

use std::ops::ControlFlow;

use memchr::memmem::Finder;

use crate::{End, LogTimezone, Reason, Rejected, Sink};

pub(crate) use line::LineReader;

/// What every record begins with.
pub(crate) const START: &[u8] = br#"{"timestamp":""#;

/// Reads jsonlog; see [`crate::Parser`] for what its methods promise.
#[derive(Debug)]
pub struct JsonlogParser {
    line: LineReader,
    start: Finder<'static>,
    /// Bytes of the unended line that hold no line end.
    scanned: usize,
}

impl JsonlogParser {
    /// A parser at the start of a file or of any record.
    pub fn new(zone: LogTimezone) -> Self {
        Self { line: LineReader::new(zone), start: Finder::new(START), scanned: 0 }
    }

    /// See [`crate::Parser::reset`].
    pub fn reset(&mut self) {
        self.scanned = 0;
    }

    /// See [`crate::Parser::parse`].
    pub fn parse<S: Sink>(&mut self, buf: &[u8], position: u64, end: End, sink: &mut S) -> usize {
        let mut consumed = 0;
        loop {
            let rest = &buf[consumed..];
            let line = match memchr::memchr(b'\n', rest.get(self.scanned..).unwrap_or_default()) {
                Some(at) => &rest[..self.scanned + at + 1],
                None if end == End::Final && !rest.is_empty() => rest,
                None => {
                    self.scanned = rest.len();
                    return consumed;
                }
            };
            self.scanned = 0;
            let (taken, flow) = self.one(line, position + consumed as u64, sink);
            consumed += taken;
            if flow.is_break() {
                return consumed;
            }
        }
    }

    /// Hands over the line's record, or what is torn before it.
    fn one<S: Sink>(
        &mut self,
        line: &[u8],
        position: u64,
        sink: &mut S,
    ) -> (usize, ControlFlow<()>) {
        let reason = match self.line.read(line) {
            Ok(record) => return (line.len(), sink.record(position, line.len(), &record)),
            Err(reason) => reason,
        };
        let starts = self.start.find_iter(line).filter(|at| *at > 0);
        let mut behind = starts.filter(|at| self.line.read(&line[*at..]).is_ok());
        let (raw, reason) = match behind.next() {
            Some(at) => (&line[..at], Reason::Torn),
            None if line.ends_with(b"\n") => (line, reason),
            None => (line, Reason::Torn),
        };
        (raw.len(), sink.rejected(Rejected { position, raw, reason }))
    }
}
