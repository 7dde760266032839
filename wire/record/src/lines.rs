//! Logs that are read line by line: a line begins a record, or belongs to the one before it.
//!
//! [`look`] says of a line what it is; here the lines of one record are put together and handed over. The record that lines are still
//! added to begins at the front of the buffer, so all offsets are from there. A line that is nobody's becomes a record of
//! [`Table::Component`] with the line's bytes as its message: nothing is dropped.

mod embedded;
mod look;
mod traceback;

use std::ops::ControlFlow;

use memchr::memchr;

use crate::csvlog::CsvlogParser;
use crate::patroni::TextStart;
use crate::stderr::{Said, ServerRecord};
use crate::{Column, End, LogRecord, LogSettings, Reason, Rejected, Sink, Table, Timestamp};

use embedded::Embedded;
pub(crate) use look::is_csvlog;
use look::{Found, Readers};
use traceback::{Traceback, Verdict};

/// Whose lines to expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A server's stderr log, and what its children write between.
    Stderr,
    /// Patroni's text; a line that begins no record continues the one before.
    Patroni,
    /// Patroni's JSON objects, one a line.
    PatroniJson,
    /// What a container writes: any of the formats, line by line.
    Mixed,
}

/// Reads such logs; see [`crate::Parser`] for what its methods promise.
#[derive(Debug)]
pub(crate) struct LinesParser {
    kind: Kind,
    readers: Readers,
    csvlog: CsvlogParser,
    open: Open,
    /// Where the record ends, as far as its lines are known.
    end: usize,
    /// Where the next line begins that hasn't been looked at, or that is `next`. Behind `end` are lines that may yet turn out to belong.
    lines: usize,
    /// No line end stands between `lines` and here.
    searched: usize,
    /// What the line at `lines` is, and its length, when it doesn't belong to the record.
    next: Option<(Found, usize)>,
    /// Up to where no line says a time.
    timeless: usize,
    /// The time of the last record that said one.
    last: Option<Timestamp>,
}

/// What the record at the front of the buffer is.
#[derive(Debug)]
enum Open {
    Nothing,
    Server(ServerRecord),
    Patroni(TextStart, Traceback),
    Object,
    Csvlog,
    Torn,
    /// Anything else, with its time if it says one.
    Component(Option<Timestamp>),
}

/// What one look at the buffer came to.
enum Step {
    /// More has to come.
    Wait,
    /// So many bytes are done with.
    Taken(usize, ControlFlow<()>),
}

impl LinesParser {
    pub(crate) fn new(kind: Kind, settings: &LogSettings) -> Self {
        Self {
            kind,
            readers: Readers::new(kind, settings),
            csvlog: CsvlogParser::new(settings.log_timezone),
            open: Open::Nothing,
            end: 0,
            lines: 0,
            searched: 0,
            next: None,
            timeless: 0,
            last: None,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.open = Open::Nothing;
        self.csvlog.reset();
        self.next = None;
        (self.end, self.lines, self.searched, self.timeless) = (0, 0, 0, 0);
    }

    /// `time_of` says when the line at a position was written, where the line itself doesn't and something else knows.
    pub(crate) fn parse<S: Sink>(
        &mut self,
        buf: &[u8],
        position: u64,
        end: End,
        time_of: &impl Fn(u64) -> Option<Timestamp>,
        sink: &mut S,
    ) -> usize {
        let mut consumed = 0;
        loop {
            let (rest, at) = (&buf[consumed..], position + consumed as u64);
            let step = match self.open(rest, end) {
                true if matches!(self.open, Open::Csvlog) => self.csvlog(rest, at, end, sink),
                true if self.complete(rest, end) => self.hand_over(rest, at, end, time_of, sink),
                _ => Step::Wait,
            };
            let Step::Taken(taken, flow) = step else { return consumed };
            consumed += taken;
            if flow.is_break() {
                return consumed;
            }
        }
    }

    /// Sees to it that a record is open; `false` when the line at the front hasn't ended.
    fn open(&mut self, rest: &[u8], end: End) -> bool {
        if !matches!(self.open, Open::Nothing) {
            return true;
        }
        let next = self.next.take().or_else(|| self.look(rest, end));
        let Some((found, len)) = next else { return false };
        let text = without_line_end(&rest[..len]).len();
        self.open = match found {
            Found::Heading(heading) => {
                let said = self.readers.said(rest, &heading);
                if heading.begins_record() {
                    Open::Server(ServerRecord::new(heading, said, text))
                } else {
                    // A part of a record that isn't here.
                    Open::Component(match said {
                        Said::Time(time) => Some(time),
                        Said::Nothing | Said::Unreadable => None,
                    })
                }
            }
            Found::Patroni(start) => Open::Patroni(start, Traceback::default()),
            Found::Object => Open::Object,
            Found::Csvlog => Open::Csvlog,
            Found::Torn => Open::Torn,
            Found::Tab | Found::Plain => Open::Component(None),
        };
        (self.end, self.lines) = (len, len);
        true
    }

    /// Adds the lines that belong to the record; `false` while more could.
    fn complete(&mut self, rest: &[u8], end: End) -> bool {
        if matches!(self.open, Open::Object | Open::Torn) || self.next.is_some() {
            return true;
        }
        loop {
            let Some((found, len)) = self.look(rest, end) else {
                return end != End::More && self.lines == rest.len();
            };
            let to = self.lines + len;
            let line = without_line_end(&rest[self.lines..to]);
            let verdict = match (&mut self.open, &found) {
                (Open::Server(record), Found::Tab) => {
                    record.continued(self.lines + line.len());
                    Verdict::Belongs
                }
                (Open::Server(record), Found::Heading(heading)) => {
                    let (at, to) = (self.lines, self.lines + line.len());
                    match record.labelled(rest, heading, at, to) {
                        true => Verdict::Belongs,
                        false => Verdict::Not,
                    }
                }
                (Open::Component(_), Found::Tab) => Verdict::Belongs,
                (Open::Patroni(..) | Open::Component(_), Found::Tab | Found::Plain)
                    if self.kind == Kind::Patroni =>
                {
                    Verdict::Belongs
                }
                (Open::Patroni(_, traceback), Found::Tab | Found::Plain) => traceback.line(line),
                _ => Verdict::Not,
            };
            match verdict {
                Verdict::Belongs => (self.end, self.lines) = (to, to),
                Verdict::Perhaps => self.lines = to,
                Verdict::Not => {
                    self.next = Some((found, len));
                    return true;
                }
            }
        }
    }

    /// What the line at `lines` is, and its length; `None` when that needs more.
    fn look(&mut self, rest: &[u8], end: End) -> Option<(Found, usize)> {
        let from = self.lines;
        self.searched = self.searched.max(from);
        let line_end = match memchr(b'\n', rest.get(self.searched..)?) {
            Some(at) => {
                self.searched += at;
                self.searched + 1
            }
            None if end == End::Final && from < rest.len() => rest.len(),
            None => {
                self.searched = rest.len();
                return None;
            }
        };
        self.readers.look(&rest[from..], line_end - from, end)
    }

    /// Hands over the record at the front.
    fn hand_over<S: Sink>(
        &mut self,
        rest: &[u8],
        position: u64,
        end: End,
        time_of: &impl Fn(u64) -> Option<Timestamp>,
        sink: &mut S,
    ) -> Step {
        let bytes = &rest[..self.end];
        let time = match self.kind {
            // There, each line's time is known.
            Kind::Mixed => time_of(position).or(self.last),
            Kind::Stderr | Kind::Patroni | Kind::PatroniJson => {
                self.last.or_else(|| time_of(position))
            }
        };
        let text = without_line_end(bytes);
        let component = |time| {
            let mut record = LogRecord::new(Table::Component, time, None);
            record.set_text(Column::Message, Some(text));
            record
        };
        let (record, says_time) = match &self.open {
            Open::Server(found) => {
                let says_time = matches!(found.said(), Said::Time(_));
                (self.readers.server.record(bytes, found, time), says_time)
            }
            Open::Patroni(start, _) => (Ok(start.record(text)), true),
            Open::Object => match self.readers.objects.read(text, time) {
                Ok(record) => (Ok(record), true),
                Err(_) => (time.map(component).ok_or(Reason::NoTime), false),
            },
            Open::Torn => (Err(Reason::Torn), false),
            Open::Component(Some(said)) => (Ok(component(*said)), true),
            Open::Component(None) | Open::Nothing | Open::Csvlog => {
                (time.map(component).ok_or(Reason::NoTime), false)
            }
        };
        let reason = match record {
            Ok(record) => {
                if says_time {
                    self.last = Some(record.log_time);
                }
                let flow = sink.record(position, bytes.len(), &record);
                return Step::Taken(self.forget(), flow);
            }
            Err(reason) => reason,
        };
        if reason == Reason::NoTime {
            if self.finds_time(rest, end) {
                return Step::Taken(0, ControlFlow::Continue(()));
            }
            if end != End::Final {
                return Step::Wait;
            }
        }
        let flow = sink.rejected(Rejected { position, raw: bytes, reason });
        Step::Taken(self.forget(), flow)
    }

    /// Takes the first time that a line further on says for that of the lines before it.
    fn finds_time(&mut self, rest: &[u8], end: End) -> bool {
        self.timeless = self.timeless.max(self.end);
        while let Some(ahead) = rest.get(self.timeless..).filter(|ahead| !ahead.is_empty()) {
            let len = match memchr(b'\n', ahead) {
                Some(at) => at + 1,
                None if end == End::Final => ahead.len(),
                None => break,
            };
            self.last = self.readers.time(without_line_end(&ahead[..len]));
            if self.last.is_some() {
                return true;
            }
            self.timeless += len;
        }
        false
    }

    /// The record was handed over: what is behind it is at the front now. Answers how long it was.
    fn forget(&mut self) -> usize {
        let taken = self.end;
        self.open = Open::Nothing;
        if self.end == self.lines {
            self.searched = self.searched.saturating_sub(taken);
        } else {
            // The lines that might have belonged are looked at anew.
            self.searched = 0;
            self.next = None;
        }
        self.timeless = self.timeless.saturating_sub(taken);
        (self.end, self.lines) = (0, 0);
        taken
    }

    /// Hands over what the csvlog parser finds at the front.
    fn csvlog<S: Sink>(&mut self, rest: &[u8], position: u64, end: End, sink: &mut S) -> Step {
        let mut embedded = Embedded::new(sink, rest, position);
        let taken = self.csvlog.parse(rest, position, end, &mut embedded);
        if taken == 0 {
            return Step::Wait;
        }
        let Embedded { flow, last, .. } = embedded;
        self.last = last.or(self.last);
        self.end = taken;
        self.lines = taken;
        self.searched = taken;
        self.forget();
        // Where csvlog goes on, its parser may have looked at that already.
        if look::is_csvlog(&rest[taken..]) {
            self.open = Open::Csvlog;
        } else if taken < rest.len() {
            self.csvlog.reset();
        }
        Step::Taken(taken, flow)
    }
}

/// The bytes of a line, or of several, but for the last line feed.
fn without_line_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}
