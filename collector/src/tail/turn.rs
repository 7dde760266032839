//! One file's turn: read on from where it stopped, parse, and close at most one forward chunk.

use std::{io, ops::ControlFlow, os::unix::fs::FileExt};

use trunkline_record::{ChunkBuilder, End, LogRecord, Reason, Rejected, SealedChunk, Sink};

use super::follow::Followed;
use crate::buffer::ReadBuffer;

/// What a turn gave.
#[derive(Debug)]
pub struct Turn {
    /// The forward chunk, unless nothing was whole.
    pub sealed: Option<SealedChunk>,
    /// Records in it.
    pub records: u32,
    /// Rejected records in it.
    pub rejected: u32,
    /// Where the next turn begins.
    pub position: u64,
    /// Up to where the file was looked at.
    pub read_to: u64,
    /// Why the turn ended.
    pub ended: Ended,
}

/// Why a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The forward chunk is full; there may be more.
    Full,
    /// The end of the file was reached.
    Drained,
    /// The file isn't the one any more that it was: it was cut and written anew.
    Replaced,
}

/// Takes the turn. With [`End::Final`] a torn last record is rejected at the end of the file; a record
/// longer than `longest` is rejected wherever it stands.
pub fn take(
    file: &mut Followed,
    buffer: &mut ReadBuffer,
    builder: &mut ChunkBuilder,
    end: End,
    longest: usize,
) -> io::Result<Turn> {
    if !buffer.claim(file.stream.id, file.position) {
        file.parser.reset();
    }
    let from = file.position;
    builder.begin(from);
    let mut sink = Packing { builder, skipping: file.skipping };
    let mut ended = loop {
        pass(file, buffer, &mut sink, End::More);
        if sink.builder.is_full() {
            break Ended::Full;
        }
        if buffer.filled().len() >= longest {
            reject_overlong(file, buffer, &mut sink);
            continue;
        }
        let at = buffer.end_position();
        match file.file.read_at(buffer.spare(), at) {
            Ok(0) => break Ended::Drained,
            Ok(len) if file.still_itself()? => buffer.fill(len),
            Ok(_) => break Ended::Replaced,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                buffer.release();
                return Err(error);
            }
        }
    };
    let mut read_to = buffer.end_position();
    match ended {
        Ended::Drained if end == End::Final => {
            pass(file, buffer, &mut sink, End::Final);
            if !buffer.filled().is_empty() {
                ended = Ended::Full;
            }
        }
        Ended::Drained => {}
        Ended::Full => read_to = buffer.position(),
        Ended::Replaced => buffer.release(),
    }
    file.skipping = sink.skipping;
    let to = buffer.position();
    let (records, rejected) = (builder.records(), builder.rejected_records());
    let sealed = (to > from).then(|| builder.finish(to)).transpose().map_err(io::Error::other)?;
    Ok(Turn { sealed, records, rejected, position: to, read_to, ended })
}

/// Parses what the buffer holds.
fn pass(file: &mut Followed, buffer: &mut ReadBuffer, sink: &mut Packing<'_>, end: End) {
    let held = buffer.filled();
    if held.is_empty() {
        return;
    }
    let consumed = file.parser.parse(held, buffer.position(), end, sink);
    buffer.consume(consumed);
}

/// The buffer holds the longest record that is taken, and its end isn't there: its first bytes travel
/// as rejected, and what follows is skipped up to the next whole record.
fn reject_overlong(file: &mut Followed, buffer: &mut ReadBuffer, sink: &mut Packing<'_>) {
    let held = buffer.filled();
    if !sink.skipping {
        tracing::warn!(
            path = %file.shown(), position = buffer.position(), bytes = held.len(),
            "record is longer than tail.max_record; rejected"
        );
        // Whether to stop is asked after this.
        let _ = sink.rejected(Rejected {
            position: buffer.position(),
            raw: held,
            reason: Reason::TooLong,
        });
    }
    sink.skipping = true;
    let skip = held.iter().rposition(|&byte| byte == b'\n').map_or(held.len(), |at| at + 1);
    buffer.consume(skip);
    file.parser.reset();
}

/// The chunk builder, which doesn't see what stands in the rest of an overlong record.
struct Packing<'a> {
    builder: &'a mut ChunkBuilder,
    skipping: bool,
}

impl Sink for Packing<'_> {
    fn record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        self.skipping = false;
        self.builder.record(position, len, record)
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        if self.skipping { ControlFlow::Continue(()) } else { self.builder.rejected(rejected) }
    }
}
