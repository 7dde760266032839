//! The two compressions of CompressedPackedForward, with a cap on what comes out.

use std::io::{self, Read, Write};

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use zstd::zstd_safe;

use crate::Error;

/// How packed entries are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip, possibly of several members.
    Gzip,
    /// zstd, possibly of several frames.
    Zstd,
}

impl Compression {
    /// By the value of the option `compressed`.
    pub(crate) fn from_name(name: &[u8]) -> Result<Self, Error> {
        match name {
            b"" | b"text" => Ok(Self::None),
            b"gzip" => Ok(Self::Gzip),
            b"zstd" => Ok(Self::Zstd),
            _ => Err(Error::UnknownCompression(String::from_utf8_lossy(name).into_owned())),
        }
    }

    /// The value of the option `compressed`; nothing for uncompressed entries.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// Decompresses under a cap, one message after the other into the same memory.
pub struct Inflater {
    max: usize,
    zstd: zstd_safe::DCtx<'static>,
    content: Vec<u8>,
}

/// Memory that is kept from one message to the next; what a larger one took is given back.
const KEEP: usize = 4 << 20;

impl Inflater {
    /// An inflater whose results are at most `max` bytes long.
    pub fn new(max: usize) -> Self {
        Self { max, zstd: zstd_safe::DCtx::create(), content: Vec::new() }
    }

    /// What was compressed, until the next call. What wasn't is lent out as it is.
    pub fn inflate<'a>(
        &'a mut self,
        compression: Compression,
        packed: &'a [u8],
    ) -> Result<&'a [u8], Error> {
        self.content.clear();
        self.content.shrink_to(KEEP);
        match compression {
            Compression::None if packed.len() > self.max => return Err(self.too_large()),
            Compression::None => return Ok(packed),
            Compression::Gzip => self.read_capped(MultiGzDecoder::new(packed))?,
            Compression::Zstd => self.inflate_zstd(packed)?,
        }
        Ok(&self.content)
    }

    fn inflate_zstd(&mut self, packed: &[u8]) -> Result<(), Error> {
        // One frame that says how long its content is needs no intermediate buffer; anything else is streamed.
        let whole =
            zstd_safe::find_frame_compressed_size(packed).is_ok_and(|len| len == packed.len());
        let size = zstd_safe::get_frame_content_size(packed).ok().flatten();
        match size {
            Some(size) if size > self.max as u64 => Err(self.too_large()),
            Some(size) if whole => {
                // Not larger than the cap, which is a usize.
                #[allow(clippy::cast_possible_truncation)]
                self.content.reserve(size as usize);
                self.zstd.decompress(&mut self.content, packed).map_err(|code| {
                    Error::Decompress(zstd_safe::get_error_name(code).to_owned())
                })?;
                Ok(())
            }
            _ => {
                let decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(damaged)?;
                self.read_capped(decoder)
            }
        }
    }

    fn read_capped(&mut self, decoder: impl Read) -> Result<(), Error> {
        decoder.take(self.max as u64 + 1).read_to_end(&mut self.content).map_err(damaged)?;
        if self.content.len() > self.max {
            return Err(self.too_large());
        }
        Ok(())
    }

    fn too_large(&self) -> Error {
        Error::DecompressedTooLarge { limit: self.max }
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater").field("max", &self.max).finish_non_exhaustive()
    }
}

// Taken by value because that is what `map_err` hands over.
#[allow(clippy::needless_pass_by_value)]
fn damaged(error: io::Error) -> Error {
    Error::Decompress(error.to_string())
}

/// Appends one member of gzip.
pub fn gzip(content: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let mut encoder = GzEncoder::new(out, flate2::Compression::fast());
    encoder.write_all(content).and_then(|()| encoder.try_finish()).map_err(damaged)
}

/// The shortest repetition that a fast level looks for. A shorter one saves hardly more bytes than telling of it takes, and costs both
/// sides a step each: on logs 7 leaves as many bytes as zstd's own choice of 5 or 6, and costs a fourteenth less CPU.
const SHORTEST: u32 = 7;

/// Compresses with zstd; holds the compressor's memory for reuse.
pub struct Compressor {
    zstd: zstd_safe::CCtx<'static>,
    level: i32,
}

impl Compressor {
    /// A compressor of this zstd level; 1 is the fastest of the ordinary ones, below 0 are faster ones.
    pub fn new(level: i32) -> Self {
        Self { zstd: zstd_safe::CCtx::create(), level }
    }

    /// Appends one zstd frame, which states the length of its content.
    pub fn compress(&mut self, content: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let from = out.len();
        out.reserve(zstd_safe::compress_bound(content.len()));
        let mut target = zstd_safe::OutBuffer::around_pos(out, from);
        let mut source = zstd_safe::InBuffer::around(content);
        let failed = |code| Error::Decompress(zstd_safe::get_error_name(code).to_owned());
        self.zstd
            .set_parameter(zstd_safe::CParameter::CompressionLevel(self.level))
            .and_then(|_| {
                let shortest = if self.level <= 1 { SHORTEST } else { 0 };
                self.zstd.set_parameter(zstd_safe::CParameter::MinMatch(shortest))
            })
            .and_then(|_| self.zstd.set_pledged_src_size(Some(content.len() as u64)))
            .map_err(failed)?;
        loop {
            let left = self
                .zstd
                .compress_stream2(
                    &mut target,
                    &mut source,
                    zstd_safe::zstd_sys::ZSTD_EndDirective::ZSTD_e_end,
                )
                .map_err(failed)?;
            if left == 0 {
                return Ok(());
            }
        }
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor").field("level", &self.level).finish_non_exhaustive()
    }
}
