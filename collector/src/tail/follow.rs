//! One open file that is being followed.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use trunkline_record::Parser;

use super::{
    discover::Seen,
    step::{Facts, Presence},
};
use crate::{
    config::Files,
    identity::{FIRST_LINE_MAX, FileId, FirstLine},
    streams::{Stream, Streams},
};

/// An open file, its stream, and how far it was read.
#[derive(Debug)]
pub struct Followed {
    /// Which file it is.
    pub id: FileId,
    /// The name under which it was last seen.
    pub path: PathBuf,
    /// Its stream.
    pub stream: Arc<Stream>,
    /// The parser of its format.
    pub parser: Parser,
    /// Everything below is packed into forward chunks.
    pub position: u64,
    /// Everything below was looked at; a torn last record stands between.
    pub read_to: u64,
    /// Rejecting until the next whole record, in the rest of one that was too long.
    pub skipping: bool,
    pub(super) file: File,
    first_line: FirstLine,
    size: u64,
    modified: SystemTime,
    /// It doesn't begin any more as it did.
    replaced: bool,
    presence: Presence,
    unread_since: Instant,
    changed_at: Instant,
    /// How long the file had been quiet when it was opened; counts until it changes.
    quiet_before: Duration,
}

/// What an attempt to open a file gave.
#[derive(Debug)]
pub enum Opened {
    /// It is followed from here on.
    Followed(Box<Followed>),
    /// Its first line isn't whole yet: it has no identity.
    Nascent,
    /// Between being seen and being opened, the name passed to another file.
    Renamed,
}

impl Followed {
    /// Opens what was seen and finds its stream.
    pub fn open(
        seen: &Seen,
        files: &Files,
        streams: &Streams,
        now: Instant,
        wall: SystemTime,
    ) -> io::Result<Opened> {
        let file = File::open(&seen.path)?;
        let metadata = file.metadata()?;
        let id = FileId::of(&metadata);
        if id != seen.id {
            return Ok(Opened::Renamed);
        }
        let mut head = [0; FIRST_LINE_MAX];
        let len = read_at_most(&file, &mut head)?;
        let Some(first_line) = FirstLine::of(&head[..len]) else { return Ok(Opened::Nascent) };
        let name = seen.path.to_string_lossy();
        let stream = streams.identify(id, first_line.fingerprint(), &name, metadata.len(), wall);
        stream.set_size(metadata.len());
        let position = stream.read();
        let modified = metadata.modified().unwrap_or(wall);
        Ok(Opened::Followed(Box::new(Self {
            id,
            path: seen.path.clone(),
            parser: Parser::new(files.format, &files.settings),
            position,
            read_to: position,
            skipping: false,
            file,
            first_line,
            size: metadata.len(),
            modified,
            replaced: false,
            presence: Presence::Listed { newer: seen.newer },
            unread_since: now,
            changed_at: now,
            quiet_before: wall.duration_since(modified).unwrap_or_default(),
            stream,
        })))
    }

    /// Takes over what a scan said; none when no glob matches it any more.
    pub fn listed(&mut self, seen: Option<&Seen>, wall: SystemTime) {
        match seen {
            Some(seen) => {
                self.presence = Presence::Listed { newer: seen.newer };
                if self.path != seen.path {
                    tracing::info!(
                        stream = %self.stream.id, from = %self.path.display(),
                        to = %seen.path.display(), "file was renamed"
                    );
                    self.path.clone_from(&seen.path);
                }
                self.stream.set_seen(wall);
            }
            None if self.presence != Presence::Deleted => self.presence = Presence::Unlisted,
            None => {}
        }
    }

    /// Looks at the file's size and whether it still has a name.
    pub fn look(&mut self, now: Instant) -> io::Result<()> {
        let metadata = self.file.metadata()?;
        let modified = metadata.modified().unwrap_or(self.modified);
        if metadata.len() == self.size && modified != self.modified {
            // Cut and written anew up to the same size: nothing else would tell.
            self.replaced |= !self.still_itself()?;
        }
        self.modified = modified;
        if metadata.len() != self.size {
            if self.size <= self.read_to {
                self.unread_since = now;
            }
            self.size = metadata.len();
            self.changed_at = now;
            self.quiet_before = Duration::ZERO;
            self.stream.set_size(self.size);
        }
        if metadata.nlink() == 0 {
            self.presence = Presence::Deleted;
        }
        Ok(())
    }

    /// What is known at `now`.
    pub fn facts(&self, now: Instant) -> Facts {
        Facts {
            size: self.size,
            read_to: self.read_to,
            replaced: self.replaced,
            unread_for: now.saturating_duration_since(self.unread_since) + self.quiet_before,
            quiet_for: self.quiet_for(now),
            presence: self.presence,
        }
    }

    /// For how long the size hasn't changed.
    pub fn quiet_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.changed_at) + self.quiet_before
    }

    /// Whether everything that is in it was looked at.
    pub fn is_drained(&self) -> bool {
        self.size == self.read_to
    }

    /// Whether it can be found by a glob.
    pub fn is_listed(&self) -> bool {
        matches!(self.presence, Presence::Listed { .. })
    }

    /// Whether it has lost its last name.
    pub fn is_deleted(&self) -> bool {
        self.presence == Presence::Deleted
    }

    /// Its size when it was last looked at.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Everything below `position` is packed, everything below `read_to` was looked at.
    pub fn advance(&mut self, position: u64, read_to: u64, now: Instant) {
        self.position = position;
        self.read_to = read_to;
        self.stream.set_read(position);
        if read_to > self.size {
            self.size = read_to;
            self.changed_at = now;
            self.quiet_before = Duration::ZERO;
            self.stream.set_size(read_to);
        }
        self.unread_since = now;
    }

    /// Whether the file still begins as it did. Asked after each read: bytes that were read before a
    /// file was cut and written anew can't be taken for what stands there now, nor the other way round.
    pub fn still_itself(&self) -> io::Result<bool> {
        let expected = self.first_line.as_bytes();
        let mut head = [0; FIRST_LINE_MAX];
        let head = &mut head[..expected.len()];
        let len = read_at_most(&self.file, head)?;
        Ok(&head[..len] == expected)
    }

    /// The path as text, for logs.
    pub fn shown(&self) -> std::path::Display<'_> {
        Path::display(&self.path)
    }
}

/// Reads from the start of the file until `head` is full or the file ends.
fn read_at_most(file: &File, head: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < head.len() {
        match file.read_at(&mut head[len..], len as u64) {
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
    use std::fs;

    use trunkline_record::{Format, LogSettings, Source};

    use super::*;
    use crate::tail::scan;

    /// A name can pass to another file between being seen and being opened. Taking that file's state
    /// for this one's once left a rotated file unread for good.
    #[test]
    fn a_file_that_was_renamed_before_it_was_opened_is_not_taken_for_its_successor() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        fs::write(&path, "first line\n").unwrap();
        let files = Files {
            glob: path.to_str().unwrap().into(),
            format: Format::Csvlog,
            settings: LogSettings::default(),
        };
        let seen = scan(std::slice::from_ref(&files)).files.remove(0);
        fs::rename(&path, dir.path().join("b.csv")).unwrap();
        fs::write(&path, "").unwrap();
        let streams = Streams::new(Source::default(), []);
        let opened =
            Followed::open(&seen, &files, &streams, Instant::now(), SystemTime::now()).unwrap();
        assert!(matches!(opened, Opened::Renamed));
    }
}
