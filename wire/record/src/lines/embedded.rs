//! csvlog among lines of other kinds: its own parser reads it, and is stopped where another kind begins.

use std::ops::ControlFlow;

use crate::{LogRecord, Rejected, Sink, Timestamp};

use super::look::is_csvlog;

/// Passes on what the csvlog parser finds.
#[derive(Debug)]
pub(super) struct Embedded<'s, 'b, S> {
    sink: &'s mut S,
    buf: &'b [u8],
    position: u64,
    /// What the sink wants.
    pub(super) flow: ControlFlow<()>,
    /// The time of the last record.
    pub(super) last: Option<Timestamp>,
}

impl<'s, 'b, S> Embedded<'s, 'b, S> {
    /// For a buffer that begins at this position.
    pub(super) fn new(sink: &'s mut S, buf: &'b [u8], position: u64) -> Self {
        Self { sink, buf, position, flow: ControlFlow::Continue(()), last: None }
    }

    /// Goes on where more csvlog follows what ends here.
    fn goes_on(&self, end: u64) -> ControlFlow<()> {
        let behind = usize::try_from(end - self.position).ok().and_then(|at| self.buf.get(at..));
        let more = behind.is_some_and(|behind| behind.is_empty() || is_csvlog(behind));
        if more { self.flow } else { ControlFlow::Break(()) }
    }
}

impl<S: Sink> Sink for Embedded<'_, '_, S> {
    fn record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        self.last = Some(record.log_time);
        self.flow = self.sink.record(position, len, record);
        self.goes_on(position + len as u64)
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        self.flow = self.sink.rejected(rejected);
        self.goes_on(rejected.position + rejected.raw.len() as u64)
    }
}
