//! Messages that are small on the wire and huge once they are decompressed.

use std::io::Write;

use flate2::write::GzEncoder;
use trunkline_forward::msgpack::{write_bin, write_map, write_str, write_uint};
use trunkline_forward::{Compression, PackedForward};

/// What is in it when it is unpacked: more than the ingester takes by far.
const UNPACKED: usize = 1 << 30;

#[derive(Clone, Copy, Debug)]
pub enum Content {
    /// Nothing that makes sense from its first byte on.
    Zeros,
    /// An entry that would be good if its text were shorter.
    OneEntry,
}

/// A forward chunk as a collector sends it, but for its size.
pub fn message(compression: Compression, content: Content) -> Vec<u8> {
    let mut entries = match compression {
        Compression::Zstd => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            unpacked(&mut encoder, content);
            encoder.finish().unwrap()
        }
        _ => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            unpacked(&mut encoder, content);
            encoder.finish().unwrap()
        }
    };
    entries.shrink_to_fit();
    let mut header = Vec::new();
    write_map(&mut header, 5);
    for (key, value) in [("v", 1), ("from", 0), ("to", UNPACKED as u64), ("acked", 0)] {
        write_str(&mut header, key.as_bytes());
        write_uint(&mut header, value);
    }
    write_str(&mut header, b"stream");
    write_bin(&mut header, &[9; 16]);
    let mut wire = Vec::new();
    PackedForward {
        tag: "postgres",
        entries: &entries,
        compression,
        size: 1,
        chunk: "bomb",
        own: Some(("trunkline", &header)),
    }
    .write(&mut wire);
    wire
}

fn unpacked(encoder: &mut impl Write, content: Content) {
    if let Content::OneEntry = content {
        // [EventTime, {"m": a text of 1 GiB}]
        encoder.write_all(b"\x92\xd7\x00\0\0\0\0\0\0\0\0\x81\xa1m\xdb\x40\0\0\0").unwrap();
    }
    let zeros = vec![0; 1 << 20];
    for _ in 0..UNPACKED / zeros.len() {
        encoder.write_all(&zeros).unwrap();
    }
}
