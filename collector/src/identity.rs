//! What makes a file the same file: device and inode while the collector runs, inode and first line
//! over restarts. Names don't count, since rotation changes them; the device doesn't enter the stream
//! id, since it changes when a volume is attached again.
//!
//! The inode of a container's log (CRI) doesn't count either. Its first line begins with a time in
//! nanoseconds, which no other log of that container shares; and kubelet compresses what it has rotated
//! into a new file. So the compressed file is the same stream as the plain one was, whether or not
//! anything is remembered, and an inode that is used again can't be mistaken for anything.
//!
//! Elsewhere two servers can write the same first line: two that start together in containers have the
//! same process ids, and say the same within the same millisecond. There the inode tells them apart, and
//! a file with another inode is known for a copy of a stream only with what [`crate::streams`]
//! remembers: see [`FirstLine::tells_its_moment`].

use std::{fmt, fs::Metadata, os::unix::fs::MetadataExt};

use sha2::{Digest, Sha256};
use trunkline_record::{Source, StreamId};

/// How much of a file's first line identifies it.
pub const FIRST_LINE_MAX: usize = 1024;

/// A line's time stands within its first bytes, also where it is a JSON object's value.
const MOMENT_WITHIN: usize = 128;

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

    /// Whether it is a line of a container's log: time, `stdout` or `stderr`, tags, message.
    pub fn is_cri(&self) -> bool {
        let mut parts = self.0.splitn(4, |&byte| byte == b' ');
        let (Some(time), Some(output), Some(tags), Some(_)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        let zone = |text: &[u8]| text == b"Z" || shaped(text, b"+00:00") || shaped(text, b"-00:00");
        let digits = time.iter().skip(20).take_while(|byte| byte.is_ascii_digit()).count();
        time.len() > 19
            && shaped(&time[..19], b"0000-00-00T00:00:00")
            && (zone(&time[19..]) || time[19] == b'.' && digits > 0 && zone(&time[20 + digits..]))
            && matches!(output, b"stdout" | b"stderr")
            && (tags.starts_with(b"F") || tags.starts_with(b"P"))
    }

    /// Whether it says when it was written, to the millisecond, as the lines of csvlog and jsonlog, those
    /// of stderr with `%m`, Patroni's and a container's do. A file with another inode that begins with the
    /// same such line, and has as much as was read, has the same content: it is a copy.
    ///
    /// A line that doesn't say it can come again, as a server's first words after each start. Then a copy
    /// is a stream of its own, and what was read before it was made is stored twice.
    pub fn tells_its_moment(&self) -> bool {
        const MOMENT: &[&[u8]] = &[b"00:00:00.000", b"00:00:00,000"];
        let head = &self.0[..self.0.len().min(MOMENT_WITHIN)];
        head.windows(MOMENT[0].len()).any(|at| MOMENT.iter().any(|moment| shaped(at, moment)))
    }

    /// Its digest.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(Sha256::digest(&self.0).into())
    }
}

/// Whether `text` is `pattern`, with any digit for a 0.
fn shaped(text: &[u8], pattern: &[u8]) -> bool {
    text.len() == pattern.len()
        && text.iter().zip(pattern).all(|(byte, expected)| match expected {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        })
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
/// `ino` is none for a container's log. `generation` is 0 but for a file that was cut shorter and kept its first line: positions below the
/// old end would be taken for stored records, so each cut begins a stream of its own.
pub fn stream_id(
    source: &Source,
    ino: Option<u64>,
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
    // Without an inode the part is empty, so that the two can't meet.
    part(ino.map(u64::to_be_bytes).as_ref().map_or(&[][..], |ino| ino));
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
        let id = stream_id(&source("ns", "pod"), Some(7), &line, 0);
        let elsewhere =
            Source { node: Some("n2".into()), cluster: Some("c".into()), ..source("ns", "pod") };
        assert_eq!(id, stream_id(&elsewhere, Some(7), &line, 0));
        assert_ne!(id, stream_id(&source("nsp", "od"), Some(7), &line, 0));
        assert_ne!(id, stream_id(&source("ns", "pod"), Some(8), &line, 0));
        assert_ne!(id, stream_id(&source("ns", "pod"), Some(7), &line, 1));
        let other = FirstLine::of(b"other\n").unwrap().fingerprint();
        assert_ne!(id, stream_id(&source("ns", "pod"), Some(7), &other, 0));
    }

    #[test]
    fn a_fingerprint_survives_its_text() {
        let print = FirstLine::of(b"line\n").unwrap().fingerprint();
        assert_eq!(print.to_string().parse::<Fingerprint>().unwrap(), print);
        assert!("abc".parse::<Fingerprint>().is_err());
    }

    fn line(text: &str) -> FirstLine {
        FirstLine::of(format!("{text}\n").as_bytes()).unwrap()
    }

    #[test]
    fn a_containers_line_is_known_by_its_shape() {
        for time in [
            "2026-11-22T22:36:24.800123456Z",
            "2026-11-22T22:36:24.8Z",
            "2026-11-22T22:36:24Z",
            "2026-11-22T22:36:24.800123456+05:30",
            "2026-11-22T22:36:24.800123456-03:00",
        ] {
            for rest in ["stdout F text", "stderr P ", "stderr F:x y z"] {
                assert!(line(&format!("{time} {rest}")).is_cri(), "{time} {rest}");
            }
        }
        for text in [
            "",
            "2026-11-22T22:36:24.800123456Z",
            "2026-11-22T22:36:24.800123456Z stdout F",
            "2026-11-22T22:36:24.Z stdout F x",
            "2026-11-22T22:36:24.8 stdout F x",
            "2026-11-22T22:36:24.8+0530 stdout F x",
            "2026-11-22 22:36:24.800 UTC stdout F x",
            "2026-11-22T22:36:24.8Z stdlog F x",
            "2026-11-22T22:36:24.8Z stdout X x",
        ] {
            assert!(!line(text).is_cri(), "{text}");
        }
    }

    #[test]
    fn a_line_with_milliseconds_tells_its_moment() {
        for text in [
            "2026-11-22 22:36:24.800 UTC,,,1,,6b.1,1,,",
            "{\"timestamp\":\"2026-11-22 22:36:24.800 UTC\",\"pid\":1",
            "2026-11-22 22:36:24.800 UTC [1] LOG:  starting",
            "2026-11-22 22:36:24,800 INFO: no action",
            "{\"asctime\": \"2026-11-22 22:36:24,800\"",
            "2026-11-22T22:36:24.800123456Z stdout F x",
        ] {
            assert!(line(text).tells_its_moment(), "{text}");
        }
        for text in
            ["", "LOG:  starting", "2026-11-22 22:36:24 UTC [1] LOG:  starting", "12:00:00."]
        {
            assert!(!line(text).tells_its_moment(), "{text}");
        }
        let late = format!("{}12:00:00.000", " ".repeat(200));
        assert!(!line(&late).tells_its_moment(), "a time within a message");
    }
}
