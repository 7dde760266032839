//! One file's turn: read on from where it stopped, parse, and close at most one forward chunk.

use std::{io, ops::ControlFlow};

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

/// What becomes of an unfinished record at the end of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// It waits.
    Waits,
    /// Nothing continues it, unless something new has come after all. A torn one waits.
    Paused,
    /// The collector stops: nothing continues it. A torn one waits.
    Stopping,
    /// Nothing follows: a torn one is rejected.
    Final,
}

impl Rest {
    fn end(self) -> End {
        match self {
            Self::Waits => End::More,
            Self::Paused | Self::Stopping => End::Pause,
            Self::Final => End::Final,
        }
    }
}

/// Takes the turn. A record longer than `longest` is rejected wherever it stands.
pub fn take(
    file: &mut Followed,
    buffer: &mut ReadBuffer,
    builder: &mut ChunkBuilder,
    rest: Rest,
    longest: usize,
) -> io::Result<Turn> {
    if let Some(error) = file.failure.take() {
        return Err(error);
    }
    let from = file.position;
    builder.begin(from);
    if !file.decide(rest.end(), rest == Rest::Final)? {
        let ended = if file.still_itself()? { Ended::Drained } else { Ended::Replaced };
        let read_to = file.size().max(from);
        if rest != Rest::Waits {
            file.set_paused(read_to);
        }
        return Ok(Turn { sealed: None, records: 0, rejected: 0, position: from, read_to, ended });
    }
    claim(file, buffer);
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
        match file.content.read_at(buffer.spare(), at) {
            Ok(0) => break Ended::Drained,
            Ok(len) if file.still_itself()? => buffer.fill(len),
            Ok(_) => break Ended::Replaced,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What was read before is whole, and goes first.
            Err(error) if buffer.position() > from => {
                file.failure = Some(error);
                break Ended::Full;
            }
            Err(error) => {
                buffer.release();
                return Err(error);
            }
        }
    };
    let mut read_to = buffer.end_position();
    match ended {
        Ended::Drained => {
            let new = read_to != file.read_to;
            if rest == Rest::Final || rest == Rest::Stopping || rest == Rest::Paused && !new {
                pass(file, buffer, &mut sink, rest.end());
                file.set_paused(read_to);
                let left = rest == Rest::Final && !buffer.filled().is_empty();
                if left || sink.builder.is_full() {
                    ended = Ended::Full;
                    read_to = buffer.position();
                }
            }
        }
        Ended::Full => read_to = buffer.position(),
        // What was read before is true; a torn record may stand whole in a copy.
        Ended::Replaced => pass(file, buffer, &mut sink, End::Pause),
    }
    file.skipping = sink.skipping;
    file.content.hold(buffer.filled(), buffer.end_position());
    let turn = seal(from, buffer, builder, read_to, ended)?;
    if ended == Ended::Replaced {
        buffer.release();
    }
    Ok(turn)
}

/// Packs what was read of a file that was cut since, if it is still held.
pub fn salvage(
    file: &mut Followed,
    buffer: &mut ReadBuffer,
    builder: &mut ChunkBuilder,
) -> io::Result<Turn> {
    let from = file.position;
    builder.begin(from);
    if file.is_decided() {
        claim(file, buffer);
        let mut sink = Packing { builder, skipping: file.skipping };
        pass(file, buffer, &mut sink, End::Pause);
        seal(from, buffer, builder, file.read_to, Ended::Replaced)
    } else {
        buffer.release();
        let (position, read_to, ended) = (from, file.read_to, Ended::Replaced);
        Ok(Turn { sealed: None, records: 0, rejected: 0, position, read_to, ended })
    }
}

/// Makes the buffer the file's, at its position.
fn claim(file: &mut Followed, buffer: &mut ReadBuffer) {
    if !buffer.claim(file.stream.id, file.position)
        && let Some(parser) = file.parser()
    {
        parser.reset();
    }
}

fn seal(
    from: u64,
    buffer: &ReadBuffer,
    builder: &mut ChunkBuilder,
    read_to: u64,
    ended: Ended,
) -> io::Result<Turn> {
    let position = buffer.position();
    let (records, rejected) = (builder.records(), builder.rejected_records());
    let sealed = (position > from)
        .then(|| builder.finish(position))
        .transpose()
        .map_err(io::Error::other)?;
    Ok(Turn { sealed, records, rejected, position, read_to: read_to.max(position), ended })
}

/// Parses what the buffer holds.
fn pass(file: &mut Followed, buffer: &mut ReadBuffer, sink: &mut Packing<'_>, end: End) {
    let held = buffer.filled();
    if held.is_empty() {
        return;
    }
    if let Some(parser) = file.parser() {
        let consumed = parser.parse(held, buffer.position(), end, sink);
        buffer.consume(consumed);
    }
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
    if let Some(parser) = file.parser() {
        parser.reset();
    }
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
