//! One frame of a segment: a forward chunk with whose it is, so that it can be shipped with nothing
//! else at hand. Pure.
//!
//! ```text
//! magic "TLS1" | u32 length of head | u32 length of body | u32 CRC of body | u32 CRC of all this and the head
//! head: JSON   | body: the forward chunk's entries, compressed with zstd
//! ```
//!
//! One without records, and with an empty body, says how far a stream was dropped.
//! Numbers are little-endian. The head has a checksum of its own, so that where a body is damaged it is
//! still known whose it was, and where the next frame begins.

use serde::{Deserialize, Serialize};
use trunkline_forward::Compression;
use trunkline_record::{SealedChunk, Source};

use crate::{
    identity::{FileId, Fingerprint},
    outbox::Chunk,
    streams::Stream,
};

/// What each frame begins with.
pub const MAGIC: [u8; 4] = *b"TLS1";

/// Bytes before the head.
pub const PREFIX: usize = 20;

/// No head is longer: a path has at most 4 KiB, and names are short.
pub const HEAD_MAX: usize = 64 * 1024;

/// No body is longer: the ingester takes no longer message.
pub const BODY_MAX: usize = 64 * 1024 * 1024;

/// The first bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Length of the head.
    pub head: usize,
    /// Length of the body.
    pub body: usize,
    body_crc: u32,
    head_crc: u32,
}

/// Whose a frame's entries are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Stream id.
    pub stream: String,
    /// Position of the first record.
    pub from: u64,
    /// Position behind the last one.
    pub to: u64,
    /// Records in it.
    pub records: u32,
    /// Rejected records in it.
    pub rejected: u32,
    /// Device of the file; 0 with inode 0 for what the collector itself has to say.
    pub dev: u64,
    /// Inode of the file.
    pub inode: u64,
    /// Digest of the file's first line.
    pub fingerprint: String,
    /// How often the file was cut and kept its first line.
    pub generation: u32,
    /// The file's name.
    pub path: String,
    /// The source when the forward chunk was closed: the fields that are known.
    pub source: Vec<(String, String)>,
}

impl Prefix {
    /// Reads it; none where no frame begins.
    pub fn decode(bytes: &[u8; PREFIX]) -> Option<Self> {
        let number = |at: usize| u32::from_le_bytes(std::array::from_fn(|n| bytes[at + n]));
        let length = |at: usize| usize::try_from(number(at)).unwrap_or(usize::MAX);
        let prefix =
            Self { head: length(4), body: length(8), body_crc: number(12), head_crc: number(16) };
        let plausible = prefix.head <= HEAD_MAX && prefix.body <= BODY_MAX;
        (bytes[..4] == MAGIC && plausible).then_some(prefix)
    }

    /// Reads the head that stands behind the bytes that this was read from; none if it is damaged.
    pub fn head(&self, prefix: &[u8; PREFIX], head: &[u8]) -> Option<Head> {
        if head_crc(&prefix[..16], head) != self.head_crc {
            return None;
        }
        serde_json::from_slice(head).ok()
    }

    /// Whether this body is the one that was written.
    pub fn is_body(&self, body: &[u8]) -> bool {
        crc32fast::hash(body) == self.body_crc
    }

    /// Length of the whole frame.
    pub fn frame(&self) -> u64 {
        (PREFIX + self.head + self.body) as u64
    }
}

impl Head {
    /// What is to be kept of a forward chunk beside its entries.
    pub fn of(chunk: &Chunk) -> Self {
        let Chunk { stream, source, sealed } = chunk;
        let known = source.fields().into_iter().filter_map(|(name, value)| {
            value.as_ref().map(|value| (name.to_owned(), value.clone()))
        });
        Self {
            stream: stream.id.to_string(),
            from: sealed.from,
            to: sealed.to,
            records: sealed.records,
            rejected: sealed.rejected,
            dev: stream.file.dev,
            inode: stream.file.ino,
            fingerprint: stream.fingerprint.to_string(),
            generation: stream.generation,
            path: stream.path.clone(),
            source: known.collect(),
        }
    }

    /// The stream, as if it was remembered up to `position`; none if an id isn't one.
    pub fn stream(&self, position: u64, now: std::time::SystemTime) -> Option<Stream> {
        let fingerprint: Fingerprint = self.fingerprint.parse().ok()?;
        let file = FileId { dev: self.dev, ino: self.inode };
        let (id, path) = (self.stream.parse().ok()?, self.path.clone());
        Some(Stream::remembered(id, file, fingerprint, self.generation, path, position, now))
    }

    /// The source.
    pub fn source(&self) -> Source {
        let of = |name: &str| {
            self.source.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
        };
        Source {
            namespace: of("namespace"),
            cluster: of("cluster"),
            pod: of("pod"),
            container: of("container"),
            node: of("node"),
            role: of("role"),
        }
    }

    /// The forward chunk's content.
    pub fn sealed(&self, entries: Vec<u8>) -> SealedChunk {
        let Self { from, to, records, rejected, .. } = *self;
        let compression = Compression::Zstd;
        SealedChunk { from, to, records, rejected, compression, entries: entries.into() }
    }

    /// In the place of a forward chunk that is dropped: nothing, and how far that was.
    pub fn end(&self) -> SealedChunk {
        Self { from: self.to, records: 0, rejected: 0, ..self.clone() }.sealed(Vec::new())
    }

    /// Records of both kinds.
    pub fn count(&self) -> u64 {
        u64::from(self.records) + u64::from(self.rejected)
    }

    /// Whether it is of a file, rather than what the collector itself has to say.
    pub fn is_of_a_file(&self) -> bool {
        (self.dev, self.inode) != (0, 0)
    }
}

/// Appends a frame; false, and nothing, where a length is beyond its bound.
pub fn encode(head: &Head, body: &[u8], out: &mut Vec<u8>) -> bool {
    let Ok(text) = serde_json::to_vec(head) else { return false };
    if text.len() > HEAD_MAX || body.len() > BODY_MAX {
        return false;
    }
    let length = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&length(text.len()));
    out.extend_from_slice(&length(body.len()));
    out.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    let crc = head_crc(&out[start..], &text);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&text);
    out.extend_from_slice(body);
    true
}

fn head_crc(prefix: &[u8], head: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(prefix);
    hasher.update(head);
    hasher.finalize()
}
