//! csvlog, as PostgreSQL 12 to 18 write it: 23 columns up to version 12, 24 in 13, 26 from 14 on.
//!
//! Source: PostgreSQL manual, "Using CSV-Format Log Output". A text is quoted, with quotes in it doubled; everything else stands bare;
//! an absent value is nothing between two commas. A record ends at a line feed outside quotes, and fields may hold anything, line
//! feeds and whole records of other logs included.
//!
//! The way through: [`scan`] marks commas, line ends and doubled quotes; [`line`] makes a record of a line's marks; where a
//! line isn't a record, or can't become one, [`resync`] finds the next true start.

mod line;
mod resync;
mod scan;

use std::ops::ControlFlow;

use crate::{End, LogRecord, LogTimezone, Reason, Rejected, Sink};

use line::LineReader;
use resync::Resync;
use scan::Scan;

/// Reads csvlog; see [`crate::Parser`] for what its methods promise.
#[derive(Debug)]
pub struct CsvlogParser {
    scan: Scan,
    line: LineReader,
    resync: Resync,
}

impl CsvlogParser {
    /// A parser at the start of a file or of any record.
    pub fn new(zone: LogTimezone) -> Self {
        Self { scan: Scan::default(), line: LineReader::new(zone), resync: Resync::default() }
    }

    /// See [`crate::Parser::reset`].
    pub fn reset(&mut self) {
        self.scan.restart();
    }

    /// See [`crate::Parser::parse`].
    pub fn parse<S: Sink>(&mut self, buf: &[u8], position: u64, end: End, sink: &mut S) -> usize {
        let mut consumed = 0;
        loop {
            self.scan.extend(&buf[consumed..]);
            let step = self.lines(&buf[consumed..], position + consumed as u64, sink);
            consumed += step.taken;
            if step.restart {
                self.scan.restart();
            } else {
                self.scan.consume(step.taken);
            }
            if step.flow.is_break() {
                return consumed;
            }
            if step.restart {
                continue;
            }
            let (rest, at) = (&buf[consumed..], position + consumed as u64);
            let step = if self.scan.is_violated() {
                self.resync.skip_torn(&mut self.line, rest, at, end, sink)
            } else if self.scan.has_more(rest) {
                continue;
            } else if end == End::Final && !rest.is_empty() {
                self.last(rest, at, sink)
            } else {
                return consumed;
            };
            if step.taken == 0 {
                return consumed;
            }
            consumed += step.taken;
            self.scan.restart();
            if step.flow.is_break() {
                return consumed;
            }
        }
    }

    /// Hands over the lines whose ends are marked.
    fn lines<S: Sink>(&mut self, rest: &[u8], position: u64, sink: &mut S) -> Step {
        let mut start = 0;
        for marks in self.scan.lines() {
            let line_end = scan::offset(marks[marks.len() - 1]) + 1;
            let at = position + start as u64;
            let mut record = LogRecord::blank();
            let flow = match self.line.read(rest, start, marks, &mut record) {
                Ok(()) => sink.record(at, line_end - start, &record),
                Err(reason) => {
                    let line = &rest[start..line_end];
                    // It may be a torn record with a whole one behind it.
                    if let Some(torn) = self.resync.start_within(&mut self.line, line) {
                        let raw = &line[..torn];
                        let flow =
                            sink.rejected(Rejected { position: at, raw, reason: Reason::Torn });
                        return Step { taken: start + torn, flow, restart: true };
                    }
                    sink.rejected(Rejected { position: at, raw: line, reason })
                }
            };
            start = line_end;
            if flow.is_break() {
                return Step { taken: start, flow, restart: false };
            }
        }
        Step { taken: start, flow: ControlFlow::Continue(()), restart: false }
    }

    /// The end of a file that will not grow: a record without its line end, or a torn one.
    fn last<S: Sink>(&mut self, rest: &[u8], position: u64, sink: &mut S) -> Step {
        let marks = self.scan.unended(rest).filter(|marks| self.line.is_full(marks));
        let mut record = LogRecord::blank();
        match marks.map(|marks| self.line.read(rest, 0, marks, &mut record)) {
            Some(Ok(())) => {
                let flow = sink.record(position, rest.len(), &record);
                Step { taken: rest.len(), flow, restart: true }
            }
            _ => self.resync.skip_torn(&mut self.line, rest, position, End::Final, sink),
        }
    }
}

/// What one look at the buffer came to.
struct Step {
    /// Bytes that are done with.
    taken: usize,
    flow: ControlFlow<()>,
    /// Whether the scan has to start anew behind them, because its marks don't hold there.
    restart: bool,
}
