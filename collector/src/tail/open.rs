//! Opens what a scan has seen, and finds out which stream it is: its own, or one that it is a copy of.
//!
//! Rotation makes copies: copytruncate copies a file and cuts it; gzip puts its content into another
//! file. A copy is known by a first line that no other file can have
//! ([`FirstLine::tells_its_moment`]), and its stream goes on in it once the file that it was copied from
//! is gone or cut: nothing is read twice, and what was cut before it was read is read from the copy. As
//! long as that file is there a copy waits, and only if the two really begin alike: else it is a file of
//! its own. Before a stream goes on in a copy, a record must have ended at its position there.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Instant, SystemTime},
};

use super::{
    content::{Content, begin_alike},
    discover::Seen,
    follow::Followed,
    reading::Reading,
};
use crate::{
    config::Files,
    discover::writer::Writer,
    identity::{FIRST_LINE_MAX, FileId, FirstLine},
    streams::{Stream, Streams},
};

/// As much of two files is compared to know one for a copy of the other.
const COMPARED: u64 = 1 << 20;

/// What an attempt to open a file gave.
#[derive(Debug)]
pub enum Opened {
    /// It is followed from here on.
    Followed(Box<Followed>),
    /// Its first line isn't whole yet: it has no identity.
    Nascent,
    /// Between being seen and being opened, the name passed to another file.
    Renamed,
    /// It is compressed, and such are read one after the other.
    Later,
    /// It is a copy of another file of this stream, which is still there.
    Copy(Arc<Stream>),
    /// It is a copy that ends before what was read.
    Behind(Arc<Stream>),
}

/// What opening a file depends on.
pub struct Opening<'a> {
    /// How what the glob matches is read.
    pub files: &'a Files,
    /// Who writes it.
    pub writer: &'a Arc<Writer>,
    /// The streams that are known.
    pub streams: &'a Streams,
    /// Which other file that is there is this stream.
    pub holder: &'a dyn Fn(&Stream) -> Option<PathBuf>,
    /// Whether a compressed file may be opened now.
    pub unpack: bool,
    /// The time for pauses.
    pub now: Instant,
    /// The time of day.
    pub wall: SystemTime,
}

impl Opening<'_> {
    /// Opens what was seen and finds its stream.
    pub fn open(&self, seen: &Seen) -> io::Result<Opened> {
        let file = File::open(&seen.path)?;
        let metadata = file.metadata()?;
        let id = FileId::of(&metadata);
        if id != seen.id {
            return Ok(Opened::Renamed);
        }
        let mut content = Content::of(file)?;
        if content.is_packed() && !self.unpack {
            return Ok(Opened::Later);
        }
        let Some(first_line) = first_line(&mut content)? else { return Ok(Opened::Nascent) };
        let size = if content.is_packed() { u64::MAX } else { metadata.len() };
        let name = seen.path.to_string_lossy();
        let own = || {
            self.streams.identify(self.writer.identity(), id, &first_line, &name, size, self.wall)
        };
        let stream = match self.streams.original(self.writer.identity(), id, &first_line) {
            None => own(),
            Some(stream) => match (self.holder)(&stream) {
                Some(other) if self.is_copy(&other, &content, &first_line, size, &stream)? => {
                    return Ok(Opened::Copy(stream));
                }
                Some(_) => own(),
                None => match goes_on(&mut content, stream.read())? {
                    GoesOn::Yes => stream,
                    GoesOn::Elsewhere => own(),
                    GoesOn::Behind => return Ok(Opened::Behind(stream)),
                },
            },
        };
        if stream.read() > size {
            return Ok(Opened::Behind(stream));
        }
        let reading = Reading::new(self.files, metadata.modified().unwrap_or(self.wall));
        let writer = Arc::clone(self.writer);
        let followed = Followed::new(
            seen, content, first_line, &metadata, stream, writer, reading, self.now, self.wall,
        );
        Ok(Opened::Followed(Box::new(followed)))
    }

    /// Whether what was opened is a copy of the file of this name, which is `stream`, or may be.
    fn is_copy(
        &self,
        other: &Path,
        content: &Content,
        line: &FirstLine,
        size: u64,
        stream: &Stream,
    ) -> io::Result<bool> {
        let other = match File::open(other) {
            Ok(other) => other,
            // It was there a moment ago: the next scan knows more.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        let now = other.metadata()?.len();
        let mut other = Content::of(other)?;
        let plain = !other.is_packed() && !content.is_packed();
        // It was cut, or its name is another file's now, which wasn't noticed yet.
        let gone = plain && now < stream.read() || first_line(&mut other)?.as_ref() != Some(line);
        // What is copied only grows until it is cut: a copy isn't longer.
        Ok(gone || (!plain || size <= now) && begin_alike(&other, content, COMPARED)?)
    }
}

/// The first line, once it is whole.
pub fn first_line(content: &mut Content) -> io::Result<Option<FirstLine>> {
    let mut head = [0; FIRST_LINE_MAX];
    let len = content.read_full_at(&mut head, 0)?;
    Ok(FirstLine::of(&head[..len]))
}

/// Whether a stream that was read up to a position can go on in a file.
enum GoesOn {
    Yes,
    /// The position isn't the end of a record there.
    Elsewhere,
    /// The file ends before it.
    Behind,
}

fn goes_on(content: &mut Content, position: u64) -> io::Result<GoesOn> {
    let Some(before) = position.checked_sub(1) else { return Ok(GoesOn::Yes) };
    let mut around = [0; 2];
    let len = content.read_full_at(&mut around, before)?;
    Ok(match &around[..len] {
        [] => GoesOn::Behind,
        // At its end: a torn last record may stand there.
        [_] | [b'\n', _] => GoesOn::Yes,
        _ => GoesOn::Elsewhere,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use trunkline_record::Source;

    use super::*;
    use crate::{config::FilesConfig, discover::annotations::Hints, tail::scan};

    /// A name can pass to another file between being seen and being opened. Taking that file's state
    /// for this one's once left a rotated file unread for good.
    #[test]
    fn a_file_that_was_renamed_before_it_was_opened_is_not_taken_for_its_successor() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        fs::write(&path, "first line\n").unwrap();
        let files = FilesConfig::new(path.to_str().unwrap()).build().unwrap();
        let seen = scan(std::slice::from_ref(&files)).files.remove(0);
        fs::rename(&path, dir.path().join("b.csv")).unwrap();
        fs::write(&path, "").unwrap();
        let opening = Opening {
            files: &files,
            writer: &Arc::new(Writer::new(Source::default(), Hints::default())),
            streams: &Streams::new(Source::default(), []),
            holder: &|_| None,
            unpack: true,
            now: Instant::now(),
            wall: SystemTime::now(),
        };
        assert!(matches!(opening.open(&seen).unwrap(), Opened::Renamed));
    }
}
