//! What is being written to the socket: messages as pieces one behind the other, so that the entries of a forward chunk go to the
//! system from where they were packed.

use std::{collections::VecDeque, io::IoSlice};

use bytes::{Buf, Bytes};

/// The pieces that are not written yet.
#[derive(Debug, Default)]
pub struct Outgoing {
    pieces: VecDeque<Bytes>,
    len: usize,
}

impl Outgoing {
    /// Puts a piece behind all others.
    pub fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.len += piece.len();
            self.pieces.push_back(piece);
        }
    }

    /// Bytes that are not written yet.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether everything is written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Buf for Outgoing {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map(|piece| &**piece).unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pieces = self.pieces.iter().zip(slices);
        pieces.map(|(piece, slice)| *slice = IoSlice::new(piece)).count()
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.len, "advanced beyond the last piece");
        self.len -= count;
        while let Some(piece) = self.pieces.front_mut().filter(|_| count > 0) {
            let part = count.min(piece.len());
            piece.advance(part);
            count -= part;
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_come_out_as_one_text_however_they_are_written(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..9),
            writes in proptest::collection::vec((0..12_usize, 1..4_usize), 1..40),
        ) {
            let mut outgoing = Outgoing::default();
            for piece in &pieces {
                outgoing.push(Bytes::copy_from_slice(piece));
            }
            let mut written = Vec::new();
            for (most, slots) in writes {
                let mut slices = vec![IoSlice::new(&[]); slots];
                let count = outgoing.chunks_vectored(&mut slices);
                let there: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
                prop_assert!(there.starts_with(outgoing.chunk()));
                let part = &there[..most.min(there.len())];
                written.extend_from_slice(part);
                outgoing.advance(part.len());
            }
            let left = outgoing.copy_to_bytes(outgoing.len());
            prop_assert!(outgoing.is_empty() && outgoing.chunk().is_empty());
            prop_assert_eq!([written, left.to_vec()].concat(), pieces.concat());
        }
    }
}
