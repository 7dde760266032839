//! Container logs as a Kubernetes node keeps them (CRI).

use crate::{End, LogSettings, Sink};

/// Reads container logs; see [`crate::Parser`] for what its methods promise.
#[derive(Debug)]
pub(crate) struct CriParser {}

impl CriParser {
    pub(crate) fn new(_settings: &LogSettings) -> Self {
        Self {}
    }

    pub(crate) fn reset(&mut self) {}

    pub(crate) fn parse<S: Sink>(
        &mut self,
        _buf: &[u8],
        _position: u64,
        _end: End,
        _sink: &mut S,
    ) -> usize {
        0
    }
}
