//! Finding the next true record behind a torn one.
//!
//! A disk that was full, or a writer that died, leaves a record that stops in the middle; the next one follows on the same line. A true
//! start is a timestamp with a whole, plausible record behind it. A record that merely stands quoted in a message doesn't pass:
//! csvlog doubles its quotes, so its first quoted text is no field.

use std::ops::ControlFlow;

use crate::timestamp::{START, looks_like_start};
use crate::{Column, End, LogRecord, Reason, Rejected, Sink};

use super::Step;
use super::line::LineReader;
use super::scan::{self, Scan};

/// Bytes in which no record starts, before they are rejected without waiting for one.
const MAX_TORN: usize = 1 << 20;
/// The hyphen behind the year, by which starts are found.
const HYPHEN: usize = 4;

/// Looks for starts; holds the memory that it needs for that.
#[derive(Debug, Default)]
pub(super) struct Resync {
    scan: Scan,
}

/// What stands at a place that looks like a start.
#[derive(Debug, PartialEq, Eq)]
enum Candidate {
    Record,
    NoRecord,
    /// No telling before more has arrived.
    Unfinished,
}

impl Resync {
    /// Where in `line`, which isn't a record, one starts that is whole by the line's end.
    pub(super) fn start_within(&mut self, reader: &mut LineReader, line: &[u8]) -> Option<usize> {
        starts(line).find(|&at| self.probe(reader, &line[at..], End::More) == Candidate::Record)
    }

    /// Rejects the torn record at the front of `rest`. Takes nothing while it isn't known where it ends.
    pub(super) fn skip_torn<S: Sink>(
        &mut self,
        reader: &mut LineReader,
        rest: &[u8],
        position: u64,
        end: End,
        sink: &mut S,
    ) -> Step {
        let mut torn = match end {
            End::Final => rest.len(),
            // The last bytes may be the beginning of a start.
            End::More if rest.len() > MAX_TORN => rest.len() - START,
            End::More | End::Pause => 0,
        };
        for at in starts(rest) {
            match self.probe(reader, &rest[at..], end) {
                Candidate::NoRecord => {}
                Candidate::Record => {
                    torn = at;
                    break;
                }
                Candidate::Unfinished => {
                    torn = 0;
                    break;
                }
            }
        }
        if torn == 0 {
            return Step { taken: 0, flow: ControlFlow::Continue(()), restart: false };
        }
        let raw = &rest[..torn];
        let flow = sink.rejected(Rejected { position, raw, reason: Reason::Torn });
        Step { taken: torn, flow, restart: true }
    }

    /// Whether a whole, plausible record stands at the front of `buf`.
    fn probe(&mut self, reader: &mut LineReader, buf: &[u8], end: End) -> Candidate {
        self.scan.restart();
        let line = loop {
            self.scan.extend(buf);
            if self.scan.lines().next().is_some() {
                break self.scan.lines().next();
            }
            if self.scan.is_violated() {
                return Candidate::NoRecord;
            }
            if !self.scan.has_more(buf) {
                match end {
                    End::More | End::Pause => return Candidate::Unfinished,
                    End::Final => {
                        break self.scan.unended(buf).filter(|marks| reader.is_full(marks));
                    }
                }
            }
        };
        let Some(marks) = line else { return Candidate::NoRecord };
        let quoted_message = || {
            let mut fields = marks.iter().filter(|mark| !scan::is_doubled(**mark));
            let before = fields.nth(Column::Message as usize - 1).map(|mark| scan::offset(*mark));
            before.and_then(|at| buf.get(at + 1)) == Some(&b'"')
        };
        let mut record = LogRecord::blank();
        if reader.read(buf, 0, marks, &mut record).is_ok() && quoted_message() {
            Candidate::Record
        } else {
            Candidate::NoRecord
        }
    }
}

/// The places behind the first byte that look like a record's start.
fn starts(buf: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memchr_iter(b'-', buf)
        .filter_map(|at| at.checked_sub(HYPHEN))
        .filter(|&at| at > 0 && looks_like_start(&buf[at..]))
}
