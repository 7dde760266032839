//! Opens a file, or standard input, and decompresses what is compressed.

use std::{
    fs::File,
    io::{self, Cursor, Read},
    path::Path,
};

use crate::{
    compressed::{Compression, MAGIC_LEN},
    format::unix_micros,
};

/// What is parsed.
pub(super) struct Input {
    /// The uncompressed content.
    pub(super) content: Box<dyn Read>,
    /// When the file was last written, in microseconds since 1970.
    pub(super) written: Option<i64>,
}

/// The content of `path`; `-` is standard input.
pub(super) fn open(path: &Path) -> io::Result<Input> {
    if path == Path::new("-") {
        return Ok(Input { content: decompressed(Box::new(io::stdin()))?, written: None });
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let written = metadata.modified().ok().and_then(unix_micros);
    Ok(Input { content: decompressed(Box::new(file))?, written })
}

fn decompressed(mut raw: Box<dyn Read + Send>) -> io::Result<Box<dyn Read>> {
    let mut head = Vec::with_capacity(MAGIC_LEN);
    (&mut raw).take(MAGIC_LEN as u64).read_to_end(&mut head)?;
    let compression = Compression::of(&head);
    let whole = Cursor::new(head).chain(raw);
    Ok(match compression {
        Some(compression) => compression.decoder(whole)?,
        None => Box::new(whole),
    })
}
