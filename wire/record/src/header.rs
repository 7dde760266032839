//! The map that a Trunkline collector adds to a message's options: which stream's records these are, and which part of it.
//!
//! ARCHITECTURE.md, "The forward chunk on the wire", lists its keys.

use trunkline_forward::msgpack::{Reader, Value, write_bin, write_map, write_str, write_uint};
use trunkline_forward::{Error, Options};

use crate::{Source, StreamId};

/// The option's key.
pub(crate) const OPTION: &str = "trunkline";
/// The version of the table of keys, and of the entries': since 2 records may say their session by a number.
const VERSION: u64 = 2;
/// The oldest that is read; its entries are such as are read anyway.
const OLDEST: u64 = 1;

/// What a forward chunk says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkHeader {
    /// The stream that they were read from.
    pub stream: StreamId,
    /// Position of the first record.
    pub from: u64,
    /// Position behind the last record.
    pub to: u64,
    /// The position up to which the sender holds acks; `None` of a sender that keeps no order, and claims this range alone.
    pub acked: Option<u64>,
    /// Where the stream comes from.
    pub source: Source,
    /// The file's path, for people.
    pub path: Option<String>,
}

/// A header that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It isn't valid MessagePack.
    #[error(transparent)]
    Forward(#[from] Error),
    /// A sender newer than this receiver.
    #[error(
        "chunk header of version {0}, {OLDEST} to {VERSION} are known: ingesters are updated before their collectors"
    )]
    Version(u64),
    /// A key's value has the wrong type, or the key is missing.
    #[error("chunk header without a valid {0}")]
    Key(&'static str),
}

impl From<trunkline_forward::msgpack::ReadError> for HeaderError {
    fn from(error: trunkline_forward::msgpack::ReadError) -> Self {
        Self::Forward(error.into())
    }
}

impl ChunkHeader {
    /// Reads the header; `None` when the message has none, since its sender isn't one of ours.
    pub fn from_options(options: &Options) -> Result<Option<Self>, HeaderError> {
        options.get(OPTION)?.map(Self::decode).transpose()
    }

    /// Reads the map itself.
    ///
    /// # Errors
    /// When it isn't one that a collector of ours writes.
    pub fn decode(map: &[u8]) -> Result<Self, HeaderError> {
        let mut reader = Reader::new(map);
        let Value::Map(pairs) = reader.read()? else { return Err(HeaderError::Key(OPTION)) };
        let (mut version, mut stream) = (None, None);
        let (mut from, mut to, mut acked) = (None, None, None);
        let (mut source, mut path) = (Source::default(), None);
        for _ in 0..pairs {
            let key = reader.read()?.bytes().unwrap_or_default();
            match key {
                b"v" => version = reader.read()?.unsigned(),
                b"stream" => {
                    stream = reader
                        .read()?
                        .bytes()
                        .and_then(|bytes| bytes.try_into().ok())
                        .map(StreamId);
                }
                b"from" => from = reader.read()?.unsigned(),
                b"to" => to = reader.read()?.unsigned(),
                b"acked" => acked = Some(reader.read()?.unsigned()),
                b"path" => path = text(reader.read()?),
                key => match source.field_mut(key) {
                    Some(field) => *field = text(reader.read()?),
                    None => {
                        reader.skip()?;
                    }
                },
            }
        }
        match version {
            Some(OLDEST..=VERSION) => {}
            Some(other) => return Err(HeaderError::Version(other)),
            None => return Err(HeaderError::Key("v")),
        }
        // Positions are stored in a signed column.
        let position = |value: Option<u64>, key| {
            value.filter(|value| i64::try_from(*value).is_ok()).ok_or(HeaderError::Key(key))
        };
        let (from, to) = (position(from, "from")?, position(to, "to")?);
        if from > to {
            return Err(HeaderError::Key("to"));
        }
        Ok(Self {
            stream: stream.ok_or(HeaderError::Key("stream"))?,
            from,
            to,
            acked: acked.map(|acked| position(acked, "acked")).transpose()?,
            source,
            path,
        })
    }
}

/// A text for a column: escaped where it isn't one.
fn text(value: Value<'_>) -> Option<String> {
    value.bytes().map(|bytes| crate::escape::to_text(bytes).into_owned())
}

/// Appends the map.
pub(crate) fn write(
    out: &mut Vec<u8>,
    stream: &StreamId,
    (from, to, acked): (u64, u64, Option<u64>),
    source: &Source,
    path: &str,
) {
    let fields = source.fields();
    let present = fields.iter().filter(|(_, value)| value.is_some()).count();
    // At most six.
    #[allow(clippy::cast_possible_truncation)]
    write_map(out, 5 + u32::from(acked.is_some()) + present as u32);
    let key = |out: &mut Vec<u8>, name: &str| write_str(out, name.as_bytes());
    key(out, "v");
    write_uint(out, VERSION);
    key(out, "stream");
    write_bin(out, &stream.0);
    for (name, value) in [("from", Some(from)), ("to", Some(to)), ("acked", acked)] {
        if let Some(value) = value {
            key(out, name);
            write_uint(out, value);
        }
    }
    key(out, "path");
    write_str(out, path.as_bytes());
    for (name, value) in fields {
        if let Some(value) = value {
            key(out, name);
            write_str(out, value.as_bytes());
        }
    }
}
