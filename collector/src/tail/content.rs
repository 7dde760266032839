//! What a file holds, by position: the bytes themselves, or what they decompress to.
//!
//! A compressed file is one that rotation has put away: it doesn't grow, and its stream is that of the
//! plain file, so positions are those of the decompressed bytes. It can only be read forwards; what a
//! turn leaves unparsed is held for the next one, so that no turn begins at the start again.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    sync::Arc,
};

use crate::compressed::{Compression, MAGIC_LEN};

/// Bytes before a position are passed over in pieces of this size.
const SKIP: usize = 64 * 1024;

/// An open file's content.
#[derive(Debug)]
pub enum Content {
    /// As it stands.
    Plain(Arc<File>),
    /// Compressed.
    Packed(Unpacking),
}

/// A compressed file and how far it was decompressed.
pub struct Unpacking {
    file: Arc<File>,
    compression: Compression,
    decoder: Box<dyn Read + Send>,
    /// Where the decoder stands.
    at: u64,
    /// Bytes before that, which were decompressed and not used.
    held: Vec<u8>,
}

impl Content {
    /// Looks which it is.
    pub fn of(file: File) -> io::Result<Self> {
        let file = Arc::new(file);
        let mut head = [0; MAGIC_LEN];
        let len = read_full(&mut FromStart { file: Arc::clone(&file), at: 0 }, &mut head)?;
        Ok(match Compression::of(&head[..len]) {
            None => Self::Plain(file),
            Some(compression) => Self::Packed(Unpacking::new(file, compression)?),
        })
    }

    /// Another reader of the same content, at its start.
    pub fn again(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Plain(file) => Self::Plain(Arc::clone(file)),
            Self::Packed(unpacking) => {
                Self::Packed(Unpacking::new(Arc::clone(&unpacking.file), unpacking.compression)?)
            }
        })
    }

    /// The file as it stands.
    pub fn file(&self) -> &File {
        match self {
            Self::Plain(file) => file,
            Self::Packed(unpacking) => &unpacking.file,
        }
    }

    /// Whether it is compressed.
    pub fn is_packed(&self) -> bool {
        matches!(self, Self::Packed(_))
    }

    /// Reads at a position; 0 at the end.
    pub fn read_at(&mut self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read_at(buf, position),
            Self::Packed(unpacking) => unpacking.read_at(buf, position),
        }
    }

    /// Reads at a position until `buf` is full or the content ends.
    pub fn read_full_at(&mut self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        let mut len = 0;
        while len < buf.len() {
            match self.read_at(&mut buf[len..], position + len as u64) {
                Ok(0) => break,
                Ok(n) => len += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(len)
    }

    /// `bytes`, which end at `end`, were read and not used: they will be asked for again.
    pub fn hold(&mut self, bytes: &[u8], end: u64) {
        // Bytes that end before the decoder's place are among those that are held already.
        if let Self::Packed(unpacking) = self
            && unpacking.at == end
        {
            unpacking.held.clear();
            unpacking.held.extend_from_slice(bytes);
        }
    }
}

impl Unpacking {
    fn new(file: Arc<File>, compression: Compression) -> io::Result<Self> {
        let decoder = compression.decoder(FromStart { file: Arc::clone(&file), at: 0 })?;
        Ok(Self { file, compression, decoder, at: 0, held: Vec::new() })
    }

    fn read_at(&mut self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        let held_from = self.at - self.held.len() as u64;
        if (held_from..self.at).contains(&position) {
            // Within the length of a Vec.
            let skip = usize::try_from(position - held_from).unwrap_or(usize::MAX);
            let held = &self.held[skip..];
            let len = held.len().min(buf.len());
            buf[..len].copy_from_slice(&held[..len]);
            return Ok(len);
        }
        self.held.clear();
        if position < self.at {
            *self = Self::new(Arc::clone(&self.file), self.compression)?;
        }
        let mut skipped = vec![0; if position > self.at { SKIP } else { 0 }];
        while self.at < position {
            let most = usize::try_from(position - self.at).unwrap_or(SKIP).min(SKIP);
            match self.decoder.read(&mut skipped[..most])? {
                0 => return Ok(0),
                len => self.at += len as u64,
            }
        }
        let len = self.decoder.read(buf)?;
        self.at += len as u64;
        Ok(len)
    }
}

impl fmt::Debug for Unpacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpacking")
            .field("file", &self.file)
            .field("compression", &self.compression)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// Whether the two begin alike, as far as both go and up to `most` bytes.
pub fn begin_alike(one: &Content, other: &Content, most: u64) -> io::Result<bool> {
    let (mut one, mut other) = (one.again()?, other.again()?);
    let (mut here, mut there) = (vec![0; SKIP], vec![0; SKIP]);
    let mut at = 0;
    while at < most {
        let len = one.read_full_at(&mut here, at)?.min(other.read_full_at(&mut there, at)?);
        if here[..len] != there[..len] {
            return Ok(false);
        }
        if len < SKIP {
            break;
        }
        at += len as u64;
    }
    Ok(true)
}

/// Reads a file from its start, whoever else reads it.
struct FromStart {
    file: Arc<File>,
    at: u64,
}

impl Read for FromStart {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.file.read_at(buf, self.at)?;
        self.at += len as u64;
        Ok(len)
    }
}

fn read_full(from: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buf.len() {
        match from.read(&mut buf[len..]) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(text: &[u8]) -> [Content; 3] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text).unwrap();
        let zstd = zstd::encode_all(text, 1).unwrap();
        [gzip.finish().unwrap(), zstd, text.to_vec()].map(|bytes| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            Content::of(file).unwrap()
        })
    }

    #[test]
    fn positions_are_those_of_the_plain_bytes_wherever_one_reads() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|n| n.to_le_bytes()).collect();
        for mut content in packed(&text) {
            let mut buf = vec![0; 1000];
            for position in [0, 100, 700_000, 10, 0, 799_500, 700_000] {
                let len = content.read_full_at(&mut buf, position).unwrap();
                let from = usize::try_from(position).unwrap();
                assert!(buf[..len] == text[from..(from + 1000).min(text.len())], "{content:?}");
            }
            assert_eq!(content.read_at(&mut buf, 800_000).unwrap(), 0);
            assert_eq!(content.read_at(&mut buf, 900_000).unwrap(), 0);
        }
    }

    #[test]
    fn what_is_held_is_read_again_without_starting_over() {
        let [mut content, ..] = packed(&[b'x'; 5000]);
        content.read_full_at(&mut [0; 1000], 0).unwrap();
        content.hold(b"last bytes", 1000);
        content.hold(b"not these", 500);
        let mut buf = [0; 20];
        assert_eq!(content.read_at(&mut buf, 993).unwrap(), 7);
        assert_eq!(&buf[..7], b"t bytes");
        assert_eq!(content.read_at(&mut buf, 1000).unwrap(), 20);
        assert_eq!(buf, [b'x'; 20]);
    }

    #[test]
    fn contents_are_alike_as_far_as_both_go() {
        let long = vec![b'x'; 300_000];
        let mut other = long.clone();
        other[200_000] = b'y';
        for (one, two) in packed(&long).iter().zip(packed(&long[..100]).iter().rev()) {
            assert!(begin_alike(one, two, u64::MAX).unwrap());
        }
        for (one, two) in packed(&long).iter().zip(packed(&other).iter().rev()) {
            assert!(!begin_alike(one, two, u64::MAX).unwrap());
            assert!(begin_alike(one, two, 100_000).unwrap());
        }
    }
}
