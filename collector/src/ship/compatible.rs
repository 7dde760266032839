//! Messages for receivers that aren't ours: the window's forward chunks with their records in full.
//!
//! What is one forward chunk may become several messages there, since others take smaller ones; it counts as acknowledged when all of them
//! are. Which ones are is remembered over connections, so that one that carries a single message gets on, too.

use std::{
    collections::{BTreeSet, HashMap},
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::metrics::counter::Counter;
use trunkline_forward::{Compression, Inflater, PackedForward, gzip};
use trunkline_record::{FullRecords, MapError, chunk_id};

use crate::{
    config::{CompatibleConfig, PlainCompression},
    outbox::Chunk,
};

/// A forward chunk has a little more than `chunk.bytes` and one record of `tail.max_record`, as both are checked.
const LARGEST: usize = 2 << 30;

/// Stands between a forward chunk's id and the number of its part.
const SEPARATOR: char = '/';

/// Writes such messages, and understands their acks.
pub struct Compatible {
    config: CompatibleConfig,
    inflater: Inflater,
    /// The parts that are not acknowledged, of forward chunks that have several.
    waiting: HashMap<String, BTreeSet<usize>>,
    truncated: Counter,
}

impl Compatible {
    /// With nothing waiting.
    pub fn new(config: CompatibleConfig, truncated: Counter) -> Self {
        Self { config, inflater: Inflater::new(LARGEST), waiting: HashMap::new(), truncated }
    }

    /// Whether a connection may carry more than one message.
    pub fn keepalive(&self) -> bool {
        self.config.keepalive
    }

    /// Appends the messages of `chunk` that are not acknowledged; with `one`, the first of them.
    ///
    /// # Errors
    /// When its entries can't be read, which nothing but a fault of this program makes them.
    pub fn write(&mut self, chunk: &Chunk, one: bool, out: &mut Vec<u8>) -> Result<(), MapError> {
        let Chunk { stream, source, sealed } = chunk;
        let entries = self.inflater.inflate(sealed.compression, &sealed.entries)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_micros()).unwrap_or_default();
        let parts = FullRecords::new(&stream.id, source, &stream.path, now).parts(entries)?;
        let tag = self.config.tag_of(source);
        let id = chunk_id(&stream.id, sealed.from, sealed.to);
        let several = parts.len() > 1;
        let waiting = several.then(|| {
            &*self.waiting.entry(id.clone()).or_insert_with(|| (0..parts.len()).collect())
        });
        let mut packed = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            if waiting.is_some_and(|waiting| !waiting.contains(&at)) {
                continue;
            }
            let (entries, compression) = match self.config.compression {
                PlainCompression::None => (&part.entries, Compression::None),
                PlainCompression::Gzip => {
                    packed.clear();
                    gzip(&part.entries, &mut packed)?;
                    (&packed, Compression::Gzip)
                }
            };
            let chunk = if several { format!("{id}{SEPARATOR}{at}") } else { id.clone() };
            let (size, own) = (part.size, None);
            PackedForward { tag: &tag, entries, compression, size, chunk: &chunk, own }.write(out);
            self.truncated.inc_by(part.truncated);
            if one {
                break;
            }
        }
        Ok(())
    }

    /// The id of the forward chunk that is acknowledged as a whole by this ack, if one is.
    pub fn acknowledged<'i>(&mut self, id: &'i [u8]) -> Option<&'i [u8]> {
        let Some((chunk, part)) =
            std::str::from_utf8(id).ok().and_then(|id| id.rsplit_once(SEPARATOR))
        else {
            return Some(id);
        };
        let waiting = self.waiting.get_mut(chunk)?;
        waiting.remove(&part.parse().ok()?);
        if !waiting.is_empty() {
            return None;
        }
        self.waiting.remove(chunk);
        Some(chunk.as_bytes())
    }
}

#[cfg(test)]
mod tests;
