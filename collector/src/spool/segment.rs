//! The segment files of the spool: `<number>.spool`, in ascending order, each written once from its
//! beginning to its end and removed as a whole, the oldest first.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::read::Frames;

/// What the names end with.
const ENDING: &str = ".spool";

/// One segment, and how far its frames are on their way.
#[derive(Debug)]
pub struct Segment {
    /// Its place in the order.
    pub number: u64,
    /// Bytes of whole frames.
    pub bytes: u64,
    /// Whole frames.
    pub frames: u64,
    /// Those that were taken out, or given up.
    pub passed: u64,
    /// Those of them that wait for their acks.
    pub held: u64,
}

impl Segment {
    /// One with nothing in it.
    pub fn new(number: u64) -> Self {
        Self { number, bytes: 0, frames: 0, passed: 0, held: 0 }
    }

    /// Whether nothing in it is needed any more.
    pub fn is_done(&self) -> bool {
        self.passed == self.frames && self.held == 0
    }

    /// Whether nothing in it was taken out yet.
    pub fn is_untouched(&self) -> bool {
        self.passed == 0 && self.held == 0
    }
}

/// The file of a segment.
pub fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016}{ENDING}"))
}

/// The numbers of the segments in a directory, in order; none where there is no directory.
pub fn numbers(dir: &Path) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let number: Option<u64> =
            name.to_str().and_then(|name| name.strip_suffix(ENDING)?.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// A segment's frames from a place on.
pub fn frames(dir: &Path, number: u64, at: u64) -> io::Result<Frames<File>> {
    Frames::new(File::open(path(dir, number))?, at)
}

/// The segment that is being written.
#[derive(Debug)]
pub struct Writer {
    file: Arc<File>,
    at: u64,
}

impl Writer {
    /// Makes a new segment file, and the directory, if need be.
    pub fn create(dir: &Path, number: u64) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let file = File::options().write(true).create_new(true).open(path(dir, number))?;
        Ok(Self { file: Arc::new(file), at: 0 })
    }

    /// Appends a frame: all of it, or nothing.
    pub fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        self.file.write_all_at(frame, self.at).inspect_err(|_| {
            // Should this fail as well, the beginning of a frame stands there, which is cut off when it
            // is read.
            let _ = self.file.set_len(self.at);
        })?;
        self.at += frame.len() as u64;
        Ok(())
    }

    /// The file, to be synchronised.
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }
}
