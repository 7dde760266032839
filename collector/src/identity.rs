//! What makes a file the same file: device and inode while the collector runs, inode and first line
//! over restarts. Names don't count, since rotation changes them; the device doesn't enter the stream
//! id, since it changes when a volume is attached again.

use std::{fmt, fs::Metadata, os::unix::fs::MetadataExt};

use sha2::{Digest, Sha256};
use trunkline_record::{Source, StreamId};

/// How much of a file's first line identifies it.
pub const FIRST_LINE_MAX: usize = 1024;

/// One inode of one mounted file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
}

impl FileId {
    /// The identity in what `stat` said.
    pub fn of(metadata: &Metadata) -> Self {
        Self { dev: metadata.dev(), ino: metadata.ino() }
    }
}

/// The first line of a file: up to and including the first LF, at most [`FIRST_LINE_MAX`] bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct FirstLine(Box<[u8]>);

impl FirstLine {
    /// Takes the line from the first bytes of a file; none yet if they end before the line does.
    pub fn of(head: &[u8]) -> Option<Self> {
        let head = &head[..head.len().min(FIRST_LINE_MAX)];
        match head.iter().position(|&byte| byte == b'\n') {
            Some(end) => Some(Self(head[..=end].into())),
            None if head.len() == FIRST_LINE_MAX => Some(Self(head.into())),
            None => None,
        }
    }

    /// The line's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its digest.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(Sha256::digest(&self.0).into())
    }
}

impl fmt::Debug for FirstLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FirstLine({:?})", String::from_utf8_lossy(&self.0))
    }
}

/// SHA-256 of a [`FirstLine`], shown as hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(NotAFingerprint);
        }
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| NotAFingerprint)?;
        }
        Ok(Self(bytes))
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("not a fingerprint of 64 hexadecimal digits")]
pub struct NotAFingerprint;

/// The id of the stream that a file is: the same for the same file of the same pod, whatever the
/// collector remembers.
///
/// `generation` is 0 but for a file that was cut shorter and kept its first line: positions below the
/// old end would be taken for stored records, so each cut begins a stream of its own.
pub fn stream_id(
    source: &Source,
    ino: u64,
    fingerprint: &Fingerprint,
    generation: u32,
) -> StreamId {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    for name in [&source.namespace, &source.pod, &source.container] {
        part(name.as_deref().unwrap_or_default().as_bytes());
    }
    part(&ino.to_be_bytes());
    part(&fingerprint.0);
    if generation > 0 {
        part(&generation.to_be_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    StreamId(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_line_ends_at_its_line_feed_or_at_the_limit() {
        assert_eq!(FirstLine::of(b""), None);
        assert_eq!(FirstLine::of(b"no end yet"), None);
        assert_eq!(FirstLine::of(b"one\ntwo\n").unwrap().as_bytes(), b"one\n");
        assert_eq!(FirstLine::of(&[b'x'; 1023]), None);
        assert_eq!(FirstLine::of(&[b'x'; 5000]).unwrap().as_bytes().len(), 1024);
    }

    #[test]
    fn a_first_line_stays_the_same_while_the_file_grows() {
        let text: Vec<u8> = (0..3000u32).map(|i| if i == 700 { b'\n' } else { b'a' }).collect();
        let whole = FirstLine::of(&text);
        for end in 701..text.len() {
            assert_eq!(FirstLine::of(&text[..end]), whole);
        }
    }

    #[test]
    fn a_stream_depends_on_pod_inode_and_first_line_only() {
        let source = |namespace: &str, pod: &str| Source {
            namespace: Some(namespace.into()),
            pod: Some(pod.into()),
            ..Source::default()
        };
        let line = FirstLine::of(b"line\n").unwrap().fingerprint();
        let id = stream_id(&source("ns", "pod"), 7, &line, 0);
        let elsewhere =
            Source { node: Some("n2".into()), cluster: Some("c".into()), ..source("ns", "pod") };
        assert_eq!(id, stream_id(&elsewhere, 7, &line, 0));
        assert_ne!(id, stream_id(&source("nsp", "od"), 7, &line, 0));
        assert_ne!(id, stream_id(&source("ns", "pod"), 8, &line, 0));
        assert_ne!(id, stream_id(&source("ns", "pod"), 7, &line, 1));
        let other = FirstLine::of(b"other\n").unwrap().fingerprint();
        assert_ne!(id, stream_id(&source("ns", "pod"), 7, &other, 0));
    }

    #[test]
    fn a_fingerprint_survives_its_text() {
        let print = FirstLine::of(b"line\n").unwrap().fingerprint();
        assert_eq!(print.to_string().parse::<Fingerprint>().unwrap(), print);
        assert!("abc".parse::<Fingerprint>().is_err());
    }
}
