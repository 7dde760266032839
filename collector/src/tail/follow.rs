//! One open file that is being followed.

use std::{
    fs::Metadata,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use trunkline_record::{End, Parser};

use super::{
    content::Content,
    discover::Seen,
    reading::{Decision, Reading},
    step::{Facts, Presence},
};
use crate::{
    discover::writer::Writer,
    identity::{FIRST_LINE_MAX, FileId, FirstLine},
    streams::Stream,
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
    /// Who writes it.
    pub writer: Arc<Writer>,
    /// Everything below is packed into forward chunks.
    pub position: u64,
    /// Everything below was looked at; an unfinished record stands between.
    pub read_to: u64,
    /// Rejecting until the next whole record, in the rest of one that was too long.
    pub skipping: bool,
    /// What is in it.
    pub content: Content,
    /// Why it could be read no further, for the next turn to say: the last one had records to give.
    pub failure: Option<io::Error>,
    reading: Reading,
    first_line: FirstLine,
    /// That of the file; what a compressed one holds is only known at its end.
    size: u64,
    modified: SystemTime,
    /// A compressed file was read to its end.
    at_end: bool,
    /// The unfinished record was taken as one that nothing continues when `read_to` was here.
    paused_at: Option<u64>,
    /// It was said that nothing tells the file's format.
    unknown: bool,
    /// It doesn't begin any more as it did.
    replaced: bool,
    presence: Presence,
    unread_since: Instant,
    changed_at: Instant,
    /// How long the file had been quiet when it was opened; counts until it changes.
    quiet_before: Duration,
}

impl Followed {
    /// Follows an opened file from where its stream was left.
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        seen: &Seen,
        content: Content,
        first_line: FirstLine,
        metadata: &Metadata,
        stream: Arc<Stream>,
        writer: Arc<Writer>,
        reading: Reading,
        now: Instant,
        wall: SystemTime,
    ) -> Self {
        let position = stream.read();
        let modified = metadata.modified().unwrap_or(wall);
        stream.set_size(if content.is_packed() { position } else { metadata.len() });
        stream.set_seen(wall);
        stream.set_gone(false);
        stream.with_progress(|progress| progress.opened(&seen.path, writer.source()));
        if let Some(format) = reading.format() {
            stream.with_progress(|progress| progress.format = Some(format.to_string()));
        }
        Self {
            id: seen.id,
            path: seen.path.clone(),
            position,
            read_to: position,
            skipping: false,
            content,
            failure: None,
            reading,
            first_line,
            size: metadata.len(),
            modified,
            at_end: false,
            paused_at: None,
            unknown: false,
            replaced: false,
            presence: Presence::Listed { newer: seen.newer },
            unread_since: now,
            changed_at: now,
            quiet_before: wall.duration_since(modified).unwrap_or_default(),
            writer,
            stream,
        }
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
                    self.stream.with_progress(|progress| progress.path.clone_from(&seen.path));
                }
                self.stream.set_seen(wall);
            }
            None if self.presence != Presence::Deleted => self.presence = Presence::Unlisted,
            None => {}
        }
    }

    /// Looks at the file's size and whether it still has a name.
    pub fn look(&mut self, now: Instant) -> io::Result<()> {
        let metadata = self.content.file().metadata()?;
        let modified = metadata.modified().unwrap_or(self.modified);
        let (resized, touched) = (metadata.len() != self.size, modified != self.modified);
        if self.content.is_packed() {
            // Somebody is still compressing into it: what was decompressed so far stays true, but the
            // decoder has to begin anew.
            self.replaced |= resized || touched;
        } else if touched && !resized {
            // Cut and written anew up to the same size: nothing else would tell.
            self.replaced |= !self.still_itself()?;
        }
        self.modified = modified;
        if resized {
            if self.is_drained() {
                self.unread_since = now;
            }
            self.size = metadata.len();
            self.changed(now);
        }
        if metadata.nlink() == 0 {
            self.presence = Presence::Deleted;
            self.stream.set_gone(true);
        }
        Ok(())
    }

    fn changed(&mut self, now: Instant) {
        self.changed_at = now;
        self.quiet_before = Duration::ZERO;
        if !self.content.is_packed() {
            self.stream.set_size(self.size);
        }
    }

    /// What is known at `now`.
    pub fn facts(&self, now: Instant) -> Facts {
        let packed = self.content.is_packed();
        Facts {
            size: if packed { self.read_to + u64::from(!self.at_end) } else { self.size },
            read_to: self.read_to,
            replaced: self.replaced,
            complete: packed,
            open_ended: self.is_open_ended(),
            unread_for: now.saturating_duration_since(self.unread_since) + self.quiet_before,
            quiet_for: self.quiet_for(now),
            presence: self.presence,
        }
    }

    /// Whether an unfinished record waits for a line that continues it, or for a pause.
    fn is_open_ended(&self) -> bool {
        self.position < self.read_to
            && self.reading.waits_for_lines()
            && self.paused_at != Some(self.read_to)
    }

    /// The unfinished record was taken as one that nothing continues; what is left of it is torn.
    pub fn set_paused(&mut self, read_to: u64) {
        self.paused_at = Some(read_to);
    }

    /// Looks for the file's format, unless it is known; see [`Reading::decide`]. False when nothing
    /// tells it yet.
    pub fn decide(&mut self, end: End, must: bool) -> io::Result<bool> {
        // What can't grow has told everything; and where records were read before, it was decided.
        let must = must || self.content.is_packed() || self.position > 0;
        let end = if self.content.is_packed() { End::Final } else { end };
        match self.reading.decide(&self.content, &self.first_line, end, must)? {
            Decision::Known => {}
            Decision::Recognised(format) => {
                tracing::info!(path = %self.shown(), %format, "format recognised");
                self.stream.with_progress(|progress| progress.format = Some(format.to_string()));
            }
            Decision::Forced(format) => {
                tracing::warn!(path = %self.shown(), %format, "{NO_RECORD}; its lines are taken as they are");
                self.stream.with_progress(|progress| {
                    progress.format = Some(format.to_string());
                    progress.failed(NO_RECORD.to_owned());
                });
            }
            Decision::Undecided => {
                if end == End::Pause && !std::mem::replace(&mut self.unknown, true) {
                    self.stream.with_progress(|progress| progress.failed(NO_RECORD.to_owned()));
                    tracing::warn!(path = %self.shown(), "{NO_RECORD}; waiting for one");
                }
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Decides the format now, so that the file can be read to its end and closed.
    pub fn force_decision(&mut self) -> io::Result<()> {
        self.decide(End::Pause, true)?;
        self.read_to = self.position;
        Ok(())
    }

    /// The parser, once the format is known.
    pub fn parser(&mut self) -> Option<&mut Parser> {
        self.reading.parser()
    }

    /// Whether the format is known.
    pub fn is_decided(&self) -> bool {
        self.reading.is_decided()
    }

    /// For how long the size hasn't changed.
    pub fn quiet_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.changed_at) + self.quiet_before
    }

    /// Whether everything that is in it was looked at.
    pub fn is_drained(&self) -> bool {
        if self.content.is_packed() { self.at_end } else { self.size <= self.read_to }
    }

    /// Whether nothing is left to do with it until it changes.
    pub fn is_idle(&self) -> bool {
        self.is_drained() && !self.is_open_ended()
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

    /// When it was last written, as last looked at.
    pub fn modified(&self) -> SystemTime {
        self.modified
    }

    /// Everything below `position` is packed, everything below `read_to` was looked at; `at_end` if
    /// nothing stood behind that.
    pub fn advance(&mut self, position: u64, read_to: u64, at_end: bool, now: Instant) {
        self.position = position;
        self.read_to = read_to;
        self.stream.set_read(position);
        if self.content.is_packed() {
            self.at_end = at_end;
            self.stream.set_size(read_to);
        } else if read_to > self.size {
            self.size = read_to;
            self.changed(now);
        }
        self.unread_since = now;
    }

    /// Whether the file still begins as it did. Asked after each read: bytes that were read before a
    /// file was cut and written anew can't be taken for what stands there now, nor the other way round.
    pub fn still_itself(&mut self) -> io::Result<bool> {
        if self.content.is_packed() {
            // Another size or time tells; see `look`.
            return Ok(true);
        }
        let expected = self.first_line.as_bytes();
        let mut head = [0; FIRST_LINE_MAX];
        let head = &mut head[..expected.len()];
        let len = self.content.read_full_at(head, 0)?;
        Ok(&head[..len] == expected)
    }

    /// The path as text, for logs.
    pub fn shown(&self) -> std::path::Display<'_> {
        Path::display(&self.path)
    }
}

/// What is wrong with a file whose format nothing tells.
const NO_RECORD: &str = "no record of a known format";
