//! One message of another sender made into a forward chunk of our own.

use sha2::{Digest, Sha256};
use trunkline_forward::{Inflater, Limits, Message};
use trunkline_record::{ChunkBuilder, ChunkHeader, ChunkLimits, Source, StreamId, escape};

use super::super::credentials::{Credential, Forbidden};
use super::super::routes::{RouteConfig, Routes};
use super::entries::Entries;
use crate::chunk::{Foreign, Refusal, made_here};

/// The forward chunk that a message became.
#[derive(Debug)]
pub(in crate::receive) struct Converted {
    pub header: ChunkHeader,
    pub message: Message,
    pub foreign: Foreign,
    /// Records that their sender may not write; they are among the rejected ones.
    pub forbidden: u64,
}

/// Converts messages one after the other; holds the memory for it.
#[derive(Debug)]
pub(super) struct Converter {
    limits: Limits,
    inflater: Inflater,
    builder: ChunkBuilder,
}

impl Converter {
    pub(super) fn new(limits: Limits) -> Self {
        // Full only when a message is: it is one forward chunk, whatever its size.
        let chunk = ChunkLimits { bytes: usize::MAX, ..ChunkLimits::default() };
        let inflater = Inflater::new(limits.max_decompressed);
        Self { limits, inflater, builder: ChunkBuilder::new(chunk) }
    }

    /// The forward chunk; `None` for a message that has no record in it.
    pub(super) fn convert(
        &mut self,
        message: &Message,
        routes: &Routes,
        credential: Option<&Credential>,
    ) -> Result<Option<Converted>, Refusal> {
        let tag = escape::to_text(&message.tag).into_owned();
        let brought = RouteConfig::of_message(&message.options, &tag);
        let (route, of_route) = match &brought {
            Some((route, source)) => (route, source.clone()),
            None => routes.find(&tag),
        };
        let packed = message.entries(&mut self.inflater)?;
        let entries = Entries::read(packed, route, &of_route)?;
        if entries.is_empty() {
            return Ok(None);
        }
        let may_write = |source: &Source| match credential {
            Some(credential) => credential.check(source),
            None => Ok(()),
        };
        let verdicts: Vec<Result<(), Forbidden>> =
            entries.sources().iter().map(may_write).collect();
        self.builder.begin(0);
        let mut converted = entries.write(&verdicts, &tag, &mut self.builder);
        let sources = std::mem::take(&mut converted.sources);
        if self.builder.len() > self.limits.max_decompressed {
            self.builder.begin(0);
            return Err(trunkline_forward::Error::DecompressedTooLarge {
                limit: self.limits.max_decompressed,
            }
            .into());
        }
        let sealed = self.builder.finish(converted.records)?;
        let stream = stream(message, credential);
        // A rejected record's sender is known by the route at most; and that has to be within what it may write.
        let own = if may_write(&of_route).is_ok() { of_route } else { Source::default() };
        let (header, message) = made_here(&tag, stream, &own, &sealed)?;
        let foreign = Foreign { tag, sources };
        let forbidden = converted.forbidden;
        Ok(Some(Converted { header, message, foreign, forbidden }))
    }
}

/// The stream that a message is.
fn stream(message: &Message, credential: Option<&Credential>) -> StreamId {
    let Some(chunk) = message.options.chunk.as_deref().filter(|chunk| !chunk.is_empty()) else {
        return StreamId(rand::random());
    };
    let mut hash = Sha256::new();
    // Not a hash that a collector makes of a file, and each part's end is known.
    hash.update(b"trunkline delivered chunk 1\0");
    for part in [credential.map_or("", Credential::name).as_bytes(), &message.tag, chunk] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    StreamId(id)
}
