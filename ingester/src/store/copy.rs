//! Streams forward chunks into a COPY: decompress, read the records, append rows to a buffer, hand full buffers to the driver.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Buf;
use futures_util::{Sink, SinkExt};
use tokio_postgres::CopyInSink;
use trunkline_forward::{EntryReader, Inflater};
use trunkline_record::{RecordSlots, Row};

use super::bisect::Piece;
use super::rejected::Rejected;
use super::row::{COPY_HEADER, COPY_TRAILER, RowEncoder};
use crate::chunk::Chunk;

/// Bytes after which a buffer is handed to the driver: large enough that its hand-over and its system call don't count, small
/// enough for a few to stay in the processor's cache.
const FULL: usize = 128 << 10;
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
    fn take(&self) -> Vec<u8> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| Vec::with_capacity(FULL + FULL / 4))
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

/// What was written of one piece.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Rows in the COPY.
    pub rows: u64,
    /// Records skipped because they are stored already.
    pub duplicates: u64,
    /// The newest `log_time`, in microseconds since 1970.
    pub newest: Option<i64>,
}

/// Why writing stopped.
#[derive(Debug)]
pub(super) enum CopyError {
    /// The connection.
    Database(tokio_postgres::Error),
    /// The forward chunk can't be read.
    Unreadable(String),
}

/// A running COPY.
pub(super) struct Copy {
    sink: Pin<Box<CopyInSink<Filled>>>,
    buffers: Buffers,
    out: Vec<u8>,
}

impl Copy {
    pub(super) fn new(sink: CopyInSink<Filled>, buffers: Buffers) -> Self {
        let mut out = buffers.take();
        out.extend_from_slice(COPY_HEADER);
        Self { sink: Box::pin(sink), buffers, out }
    }

    /// Writes the records of `piece` from `skip_below` on; what can't be a row is added to `rejected`.
    pub(super) async fn write(
        &mut self,
        chunk: &Chunk,
        piece: &Piece,
        skip_below: u64,
        inflater: &mut Inflater,
        rejected: &mut Rejected,
    ) -> Result<Written, CopyError> {
        let unreadable = |error: &dyn std::fmt::Display| CopyError::Unreadable(error.to_string());
        let entries = chunk.message.entries(inflater).map_err(|error| unreadable(&error))?;
        let mut reader = EntryReader::new(entries);
        let mut slots = RecordSlots::new();
        let encoder = RowEncoder::new(&chunk.header);
        let mut written = Written::default();
        // The first position that may come: positions ascend, and stay within the forward chunk.
        let mut next = chunk.header.from;
        while let Some(row) = slots.read(&mut reader).map_err(|error| unreadable(&error))? {
            let position = slots.position();
            if position < next || position >= chunk.header.to {
                return Err(CopyError::Unreadable(format!(
                    "position {position} of a record is not from {next} to below {}",
                    chunk.header.to
                )));
            }
            next = position + 1;
            if position < piece.lo {
                continue;
            }
            if position >= piece.hi {
                break;
            }
            if position < skip_below {
                written.duplicates += 1;
                continue;
            }
            match (row, &piece.reject) {
                (Row::Rejected { raw, reason }, _) => rejected.bytes(chunk, position, reason, raw),
                (Row::Record, Some(reason)) => rejected.record(chunk, &slots, reason),
                (Row::Record, None) => match encoder.encode(&slots, &mut self.out) {
                    Ok(()) => {
                        written.rows += 1;
                        written.newest = written.newest.max(Some(slots.log_time()));
                    }
                    Err(error) => rejected.record(chunk, &slots, &error.to_string()),
                },
            }
            if self.out.len() >= FULL {
                self.hand_over().await.map_err(CopyError::Database)?;
            }
        }
        Ok(written)
    }

    /// Ends the data. The rest is to wait for [`finish`](CopyInSink::finish), beside what follows on the connection.
    pub(super) async fn end(
        mut self,
    ) -> Result<Pin<Box<CopyInSink<Filled>>>, tokio_postgres::Error> {
        self.out.extend_from_slice(COPY_TRAILER);
        self.hand_over().await?;
        Ok(self.sink)
    }

    async fn hand_over(&mut self) -> Result<(), tokio_postgres::Error> {
        let bytes = std::mem::replace(&mut self.out, self.buffers.take());
        self.sink.feed(Filled { bytes, read: 0, home: self.buffers.clone() }).await
    }
}

// The sink is fed, and flushed only at its end.
const _: fn() = || {
    fn is_sink<T: Sink<Filled>>() {}
    is_sink::<CopyInSink<Filled>>();
};
