//! A forward chunk on its way from a connection to a writer, and the way of its answer back.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc::OwnedPermit;
use trunkline_forward::Message;
use trunkline_record::{ChunkHeader, SealedChunk, Source, StreamId, message};

use crate::batch::Weight;
use crate::metrics::Metrics;
use crate::queue::Item;
use crate::receive::MemoryPermit;
use crate::receive::credentials::{Forbidden, Unknown};

/// A forward chunk that was received and hasn't been answered.
#[derive(Debug)]
pub struct Chunk {
    /// Which records of which stream it holds.
    pub header: ChunkHeader,
    /// The records, as they came.
    pub message: Message,
    /// Where the answer goes.
    pub reply: Reply,
    /// When it was received.
    pub received: Instant,
    /// Its share of the memory for forward chunks, given back when it is dropped.
    pub memory: MemoryPermit,
    /// Set when another sender than a Trunkline collector sent it.
    pub foreign: Option<Foreign>,
}

/// What is particular to a forward chunk that was made of another sender's message, see [`crate::receive::foreign`]. Its stream is no file but
/// the forward chunk itself, and how far that is stored is in `log.delivered_chunk`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// The message's tag.
    pub tag: String,
    /// The sources of its records, by their numbers.
    pub sources: Vec<Source>,
}

/// Bytes of log that one record is taken to have where the sender doesn't say how many records there are.
const TYPICAL_RECORD: u64 = 256;

/// What was made into a forward chunk here, as if it had come over a connection. Its stream is no other's, and ends with it.
pub fn made_here(
    tag: &str,
    stream: StreamId,
    source: &Source,
    sealed: &SealedChunk,
) -> Result<(ChunkHeader, Message), Refusal> {
    let mut wire = Vec::with_capacity(sealed.entries.len() + 512);
    message(tag, &stream, source, tag, Some(0), sealed, &mut wire);
    let message = Message::decode(&wire.into())?;
    let header = ChunkHeader::from_options(&message.options)?;
    let header = header.ok_or_else(|| Refusal::Unconvertible("without a header".to_owned()))?;
    Ok((header, message))
}

impl Item for Chunk {
    fn stream(&self) -> StreamId {
        self.header.stream
    }

    /// By the sender's word.
    fn weight(&self) -> Weight {
        let log = self.header.to.saturating_sub(self.header.from);
        let bytes = log.max(self.message.packed_len() as u64);
        Weight { rows: self.message.options.size.unwrap_or(bytes / TYPICAL_RECORD), bytes }
    }

    fn received(&self) -> Instant {
        self.received
    }
}

impl Chunk {
    /// The source of a record that has this number, or the forward chunk's own; `None` for a number that nobody gave.
    pub fn source(&self, number: Option<u64>) -> Option<&Source> {
        match number {
            None => Some(&self.header.source),
            Some(number) => self.foreign.as_ref()?.sources.get(usize::try_from(number).ok()?),
        }
    }
}

/// Answers one forward chunk, on the connection on which it came. Dropped unused, it ends the connection: a sender that waits for an
/// answer always gets one, or learns that it won't.
#[derive(Debug)]
pub struct Reply {
    permit: Option<OwnedPermit<Answer>>,
    chunk: Option<Bytes>,
    metrics: Metrics,
}

/// What a connection is to do about a forward chunk.
#[derive(Debug)]
pub enum Answer {
    /// Acknowledge the forward chunk of this id.
    Ack(Bytes),
    /// It is stored, and its sender asked for no ack.
    Stored,
    /// Close: this forward chunk won't be answered.
    Abandoned,
    /// Close: this forward chunk, and so whatever the sender has behind it, can't be stored.
    Refuse(Refusal),
}

/// Why a connection is closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There are records before it that were neither stored nor acknowledged.
    #[error(
        "forward chunk of stream {stream} begins at {from}, and the stream is stored up to {}; its sender holds acks up to {acked}",
        .committed.map_or_else(|| "nothing".to_owned(), |position| position.to_string())
    )]
    Gap {
        /// The stream.
        stream: trunkline_record::StreamId,
        /// Where the forward chunk begins.
        from: u64,
        /// Up to where its sender holds acks.
        acked: u64,
        /// Up to where the stream is stored.
        committed: Option<u64>,
    },
    /// Its bytes make no sense.
    #[error("forward chunk of stream {stream} can't be read: {reason}")]
    Undecodable {
        /// The stream.
        stream: trunkline_record::StreamId,
        /// What is wrong.
        reason: String,
    },
    /// Not understood at all.
    #[error("not understood: {0}")]
    Protocol(#[from] trunkline_forward::Error),
    /// The option map names a stream in a way that isn't understood.
    #[error("option map not understood: {0}")]
    Header(#[from] trunkline_record::HeaderError),
    /// From a client that isn't a Trunkline collector, and couldn't be made into a forward chunk of ours.
    #[error("a message could not be converted: {0}")]
    Unconvertible(String),
    /// From a client that isn't who it should be.
    #[error("client {client:?} is not known: {unknown}")]
    Unknown {
        /// What it calls itself.
        client: String,
        /// What is wrong.
        unknown: Unknown,
    },
    /// For a source that the client may not write.
    #[error("{0}")]
    Forbidden(#[from] Forbidden),
    /// TLS couldn't be agreed on.
    #[error("TLS: {0}")]
    Tls(String),
    /// The client took too long to say who it is.
    #[error("no handshake within {0:?}")]
    HandshakeTimeout(Duration),
    /// A message took too long from its first byte to its last.
    #[error("a message was not whole within {0:?}")]
    MessageTimeout(Duration),
    /// The client ended its side in the middle of a message.
    #[error("ended in the middle of a message")]
    Truncated,
    /// Metrics or traces.
    #[error("message with tag {tag:?} holds no logs (fluent_signal {signal})")]
    Signal {
        /// The message's tag.
        tag: String,
        /// 1 metrics, 2 traces.
        signal: u64,
    },
}

impl Refusal {
    /// One word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Gap { .. } => "gap",
            Self::Undecodable { .. } => "undecodable",
            Self::Protocol(trunkline_forward::Error::MessageTooLarge { .. }) => "too_large",
            Self::Protocol(_) => "protocol",
            Self::Header(_) => "header",
            Self::Unconvertible(_) => "unconvertible",
            Self::Signal { .. } => "signal",
            Self::Unknown { .. } => "unknown_client",
            Self::Forbidden(_) => "forbidden",
            Self::Tls(_) => "tls",
            Self::HandshakeTimeout(_) | Self::MessageTimeout(_) => "timeout",
            Self::Truncated => "truncated",
        }
    }
}

impl Reply {
    /// For the forward chunk with this id, if its sender gave it one, over a place reserved in its connection's queue of answers.
    pub fn new(permit: OwnedPermit<Answer>, chunk: Option<Bytes>, metrics: Metrics) -> Self {
        metrics.unacked_chunks.inc();
        Self { permit: Some(permit), chunk, metrics }
    }

    /// It is committed.
    pub fn stored(mut self) {
        let answer = self.chunk.take().map_or(Answer::Stored, Answer::Ack);
        self.send(answer);
    }

    /// Whether its sender waits for an ack, and keeps the forward chunk until then.
    pub fn is_wanted(&self) -> bool {
        self.chunk.is_some()
    }

    /// It isn't answered, and its connection goes on: for a sender that waits for an ack and will send it again.
    pub fn leave(mut self) {
        if self.permit.take().is_some() {
            self.metrics.unacked_chunks.dec();
        }
    }

    /// It can't be stored.
    pub fn refuse(mut self, refusal: Refusal) {
        self.send(Answer::Refuse(refusal));
    }

    fn send(&mut self, answer: Answer) {
        if let Some(permit) = self.permit.take() {
            self.metrics.unacked_chunks.dec();
            permit.send(answer);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.send(Answer::Abandoned);
    }
}
