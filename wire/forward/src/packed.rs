//! Writes a message in PackedForward or CompressedPackedForward mode.

use crate::Compression;
use crate::msgpack::{write_array, write_bin_head, write_map, write_str, write_uint};

/// What a PackedForward message is made of.
#[derive(Debug, Clone, Copy)]
pub struct PackedForward<'a> {
    /// The tag.
    pub tag: &'a str,
    /// The packed entries, already compressed as `compression` says.
    pub entries: &'a [u8],
    /// How `entries` is compressed.
    pub compression: Compression,
    /// The number of entries.
    pub size: u64,
    /// The id to be acknowledged.
    pub chunk: &'a str,
    /// One more option of the sender's own: its key and its value in MessagePack.
    pub own: Option<(&'a str, &'a [u8])>,
}

impl PackedForward<'_> {
    /// Appends what goes before the entries; they follow as they are, then [`write_tail`](Self::write_tail).
    pub fn write_head(&self, out: &mut Vec<u8>) {
        write_array(out, 3);
        write_str(out, self.tag.as_bytes());
        write_bin_head(out, self.entries.len());
    }

    /// Appends what goes behind the entries: the option map.
    pub fn write_tail(&self, out: &mut Vec<u8>) {
        let compressed = self.compression.name();
        write_map(out, 2 + u32::from(compressed.is_some()) + u32::from(self.own.is_some()));
        write_str(out, b"chunk");
        write_str(out, self.chunk.as_bytes());
        write_str(out, b"size");
        write_uint(out, self.size);
        if let Some(name) = compressed {
            write_str(out, b"compressed");
            write_str(out, name.as_bytes());
        }
        if let Some((key, value)) = self.own {
            write_str(out, key.as_bytes());
            out.extend_from_slice(value);
        }
    }

    /// Appends the whole message.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_head(out);
        out.extend_from_slice(self.entries);
        self.write_tail(out);
    }
}
