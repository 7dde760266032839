//! Finding the record that the database refuses: a batch is halved until what fails is one record.
//!
//! Halves are ranges of positions, each a transaction of its own that moves the stream's position to the range's end. So the
//! guarantee of a whole batch holds for each half.

use trunkline_forward::{EntryReader, Inflater};
use trunkline_record::RecordSlots;

use super::position::Claim;
use crate::chunk::Chunk;

/// The records of one forward chunk from position `lo` to below `hi`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its forward chunk's place in the batch.
    pub chunk: usize,
    /// First position.
    pub lo: u64,
    /// Position behind the last.
    pub hi: u64,
    /// Set when the database refuses the one record that this is: why. It goes to `log.rejected`.
    pub reject: Option<String>,
}

impl Piece {
    /// All of a forward chunk.
    pub(super) fn whole(index: usize, chunk: &Chunk) -> Self {
        Self { chunk: index, lo: chunk.header.from, hi: chunk.header.to, reject: None }
    }

    /// What it claims of its stream. `chunk` is its forward chunk.
    pub(super) fn claim(&self, chunk: &Chunk) -> Claim {
        Claim { from: self.lo, to: self.hi, acked: chunk.header.acked }
    }
}

/// Both halves of `pieces`, in order; `None` when that is one record.
pub(super) fn halve(
    mut pieces: Vec<Piece>,
    chunks: &[Option<Chunk>],
    inflater: &mut Inflater,
) -> Option<(Vec<Piece>, Vec<Piece>)> {
    match pieces.as_slice() {
        [] => None,
        [piece] => {
            let chunk = chunks.get(piece.chunk)?.as_ref()?;
            let middle = middle(piece, chunk, inflater)?;
            let (mut first, mut second) = (piece.clone(), piece.clone());
            first.hi = middle;
            second.lo = middle;
            Some((vec![first], vec![second]))
        }
        _ => {
            let second = pieces.split_off(pieces.len() / 2);
            Some((pieces, second))
        }
    }
}

/// The position of the record in the middle of a piece; `None` when it has fewer than two.
fn middle(piece: &Piece, chunk: &Chunk, inflater: &mut Inflater) -> Option<u64> {
    let entries = chunk.message.entries(inflater).ok()?;
    let mut reader = EntryReader::new(entries);
    let mut slots = RecordSlots::new();
    let mut positions = Vec::new();
    while let Ok(Some(_)) = slots.read(&mut reader) {
        if (piece.lo..piece.hi).contains(&slots.position()) {
            positions.push(slots.position());
        }
    }
    if positions.len() < 2 { None } else { Some(positions[positions.len() / 2]) }
}
