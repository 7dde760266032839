//! The buffers of a COPY: filled, handed to the driver, and filled again.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Buf;

/// Bytes after which a buffer is handed to the driver: large enough that its hand-over and its system call don't count, small
/// enough for a few to stay in the processor's cache.
pub(super) const FULL: usize = 128 << 10;
/// What a buffer may grow to, for the sake of a long record, and still be kept for reuse.
const KEEP: usize = 1 << 20;
/// Buffers kept: one being filled, one waiting, one being written.
const SPARE: usize = 3;

/// Buffers to be filled again.
#[derive(Debug, Clone, Default)]
pub(super) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

/// A full buffer on its way to the server; returns to its [`Buffers`] when the driver has written it.
#[derive(Debug)]
pub(super) struct Filled {
    bytes: Vec<u8>,
    read: usize,
    home: Buffers,
}

impl Buffers {
    pub(super) fn take(&self) -> Vec<u8> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| Vec::with_capacity(FULL + FULL / 4))
    }

    /// `bytes`, to come home when they are written.
    pub(super) fn filled(&self, bytes: Vec<u8>) -> Filled {
        Filled { bytes, read: 0, home: self.clone() }
    }

    fn give(&self, mut bytes: Vec<u8>) {
        bytes.clear();
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE && bytes.capacity() <= KEEP {
            spare.push(bytes);
        }
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        self.home.give(std::mem::take(&mut self.bytes));
    }
}

impl Buf for Filled {
    fn remaining(&self) -> usize {
        self.bytes.len() - self.read
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes[self.read..]
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "advanced beyond the end of a buffer");
        self.read += count;
    }
}
