//! Fluent Forward v1 as both ends of Trunkline speak it: MessagePack, the handshake, the message modes, options, acks and compression.
//!
//! Everything here is sans-IO. A decoder is handed the bytes that have arrived and answers with an item, with "not yet", or
//! with an error; there is no socket, no clock and no task. What a log record is, this crate doesn't know: an entry's record
//! is lent out as the MessagePack map that it is, to be walked by whoever knows its keys.

pub mod ack;
pub mod client;
mod compress;
mod entry;
mod error;
mod event_time;
mod frame;
pub mod handshake;
mod message;
pub mod msgpack;
mod option;
mod packed;
pub mod server;

pub use compress::{Compression, Compressor, Inflater, gzip};
pub use entry::{EntryReader, is_group_marker};
pub use error::Error;
pub use event_time::EventTime;
pub use message::{Message, Mode};
pub use option::Options;
pub use packed::PackedForward;

/// What a peer may make us hold in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest message on the wire, in bytes.
    pub max_message: usize,
    /// The largest result of decompressing one message's entries, in bytes.
    pub max_decompressed: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_message: 32 << 20, max_decompressed: 64 << 20 }
    }
}
