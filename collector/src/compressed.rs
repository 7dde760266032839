//! Compressed files, known by their first bytes: gzip, as kubelet and logrotate make them, and zstd.

use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;

/// As many first bytes tell.
pub const MAGIC_LEN: usize = 4;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The largest zstd window, as a power of two, that memory is given for: what `zstd` itself accepts
/// without being told to take more.
const ZSTD_WINDOW_LOG: u32 = 27;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// One or more gzip members.
    Gzip,
    /// One or more zstd frames.
    Zstd,
}

impl Compression {
    /// By a file's first [`MAGIC_LEN`] bytes; none for plain text.
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            head if head.starts_with(GZIP) => Some(Self::Gzip),
            head if head.starts_with(ZSTD) => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Reads what `raw` holds compressed.
    pub fn decoder<R: Read + Send + 'static>(self, raw: R) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(raw))),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(raw)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
        })
    }
}
