//! Why a peer's bytes were not understood. None of these can be mended by reading more: the connection has to go.

use crate::msgpack::ReadError;

/// A violation of MessagePack, of the Forward protocol, or of a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The message is, or announces to be, larger than allowed.
    #[error("message of at least {announced} bytes exceeds the limit of {limit} bytes")]
    MessageTooLarge {
        /// Bytes that the message is known to need.
        announced: u64,
        /// The limit in force.
        limit: usize,
    },
    /// What came out of decompression is larger than allowed.
    #[error("decompressed entries exceed the limit of {limit} bytes")]
    DecompressedTooLarge {
        /// The limit in force.
        limit: usize,
    },
    /// The compressed entries are damaged.
    #[error("entries can't be decompressed: {0}")]
    Decompress(String),
    /// A compression that isn't known here.
    #[error("unknown compression {0:?}")]
    UnknownCompression(String),
    /// A byte that MessagePack reserves.
    #[error("invalid MessagePack at byte {at}")]
    Malformed {
        /// Offset into the message or the entries.
        at: usize,
    },
    /// MessagePack ends in the middle of a value.
    #[error("MessagePack ends in the middle of a value")]
    Truncated,
    /// Valid MessagePack that isn't what stands here in Forward.
    #[error("expected {0}")]
    Expected(&'static str),
    /// The server sends this client away, and says why.
    #[error("the server refuses: {0}")]
    Refused(String),
    /// The server doesn't hold the shared key.
    #[error("the server doesn't hold the shared key")]
    Impostor,
    /// The server begins a handshake with a client that has no shared key.
    #[error("the server asks for a shared key, and none is configured")]
    KeyRequired,
    /// The server asks for a user, and the client has none.
    #[error("the server asks for a user and a password, and none is configured")]
    UserRequired,
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Incomplete => Self::Truncated,
            ReadError::Reserved { at } => Self::Malformed { at },
        }
    }
}
