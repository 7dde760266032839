//! Logs that are read line by line: a line begins a record, or belongs to the one before it.

use crate::{End, LogSettings, Sink, Timestamp};

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
pub(crate) struct LinesParser {}

impl LinesParser {
    pub(crate) fn new(_kind: Kind, _settings: &LogSettings) -> Self {
        Self {}
    }

    pub(crate) fn reset(&mut self) {}

    /// `time_of` says when the line at a position was written, where the line itself doesn't and something else knows.
    pub(crate) fn parse<S: Sink>(
        &mut self,
        _buf: &[u8],
        _position: u64,
        _end: End,
        _time_of: &impl Fn(u64) -> Option<Timestamp>,
        _sink: &mut S,
    ) -> usize {
        0
    }
}
