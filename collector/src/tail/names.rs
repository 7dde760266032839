//! Compares the names that the globs match with the files that are known: opens what is new or has
//! grown, within the limit of open files, and remembers what was put aside and why.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Instant, SystemTime},
};

use super::{
    Tail,
    discover::{self, Scan, Seen},
    open::{Opened, Opening},
};
use crate::{discover::pods::Located, identity::FileId, metrics::Matched, streams::Stream};

/// A file that a glob matches and that isn't open, as it was when it was put aside.
#[derive(Debug)]
pub(super) struct Aside {
    pub(super) why: Why,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
    /// Its stream, where it has one; so it isn't forgotten as long as the file is there.
    pub(super) stream: Option<Arc<Stream>>,
    /// What is wrong with it.
    pub(super) problem: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Why {
    /// Its first line isn't whole yet.
    Nascent,
    /// It was read to its end, and its place was needed or newer files have replaced it.
    Done,
    /// It has what another file of its stream has, which is still there.
    Copy,
    /// It can't be decompressed; tried again when it changes.
    Damaged,
    /// It can't be opened or read; tried again with each scan.
    Failed,
}

impl Tail {
    /// Compares the names with what is known: opens what is new, notices what is gone. Returns whether
    /// all directories are watched.
    pub(super) fn scan(&mut self, now: Instant, wall: SystemTime) -> bool {
        let mut scan = discover::scan(&self.sections);
        let (waiting, unwanted) = self.choose(&mut scan, now);
        self.show_matched(&scan, waiting);
        for (path, problem) in &scan.problems {
            if self.said.get(path) != Some(problem) {
                tracing::warn!(path = %path.display(), problem, "can't be looked at");
            }
        }
        self.said = scan.problems;
        let watched = self.watch.set(&scan.dirs);

        let by_id: HashMap<FileId, &Seen> = scan.files.iter().map(|seen| (seen.id, seen)).collect();
        for file in &mut self.open {
            file.listed(by_id.get(&file.id).copied(), wall);
        }
        for at in (0..self.open.len()).rev() {
            if unwanted.contains(&self.open[at].id) {
                self.close(at);
            }
        }
        self.aside.retain(|id, _| by_id.contains_key(id));
        for aside in self.aside.values() {
            aside.stream.iter().for_each(|stream| stream.set_seen(wall));
        }
        let open: HashSet<FileId> = self.open.iter().map(|file| file.id).collect();
        self.seen = scan.files.iter().map(|seen| (seen.id, seen.clone())).collect();
        self.waiting.clear();
        for seen in scan.files.iter().filter(|seen| !open.contains(&seen.id)) {
            self.consider(seen, now, wall);
        }
        self.metrics.set_problems(self.problems());
        self.metrics.files_open.set(i64::try_from(self.open.len()).unwrap_or(i64::MAX));
        if let Some(horizon) = wall.checked_sub(self.forget_after) {
            self.streams.forget(horizon);
        }
        watched
    }

    /// What can't be read, and why.
    fn problems(&self) -> BTreeMap<PathBuf, String> {
        let aside = self.aside.iter().filter_map(|(id, aside)| {
            Some((self.seen.get(id)?.path.clone(), aside.problem.clone()?))
        });
        self.said
            .iter()
            .map(|(path, problem)| (path.clone(), problem.clone()))
            .chain(aside)
            .collect()
    }

    /// Leaves out what isn't to be read, or not yet: returns how many of the latter there are, and which
    /// the former are.
    fn choose(&self, scan: &mut Scan, now: Instant) -> (usize, HashSet<FileId>) {
        let mut waiting = 0;
        let mut unwanted = HashSet::new();
        scan.files.retain(|seen| match self.sources.locate(&seen.path, seen.section, now) {
            Located::Known(_) => true,
            Located::Unwanted => {
                unwanted.insert(seen.id);
                false
            }
            Located::Waiting => {
                waiting += 1;
                false
            }
        });
        let read: HashSet<&Path> =
            scan.files.iter().filter_map(|seen| seen.path.parent()).collect();
        scan.dirs.retain(|dir| read.contains(dir.as_path()) || self.sources.is_watched(dir, now));
        (waiting, unwanted)
    }

    /// Lets the status page know what the globs match, and says once which match nothing.
    fn show_matched(&self, scan: &Scan, waiting: usize) {
        let none = (0..self.sections.len())
            .filter(|&section| !scan.files.iter().any(|seen| seen.section == section))
            .map(|section| self.sections[section].glob.clone())
            .collect();
        let matched = Matched { files: scan.files.len(), none, waiting };
        let globs = matched.none.join(", ");
        if self.metrics.set_matched(matched) && !globs.is_empty() {
            tracing::warn!(globs, "no file matches; waiting for one");
        }
    }

    /// Opens a file that isn't open, if there is a reason to; one for which there is no room waits.
    fn consider(&mut self, seen: &Seen, now: Instant, wall: SystemTime) {
        let known = self.aside.get(&seen.id);
        let failed_before = known.is_some_and(|aside| aside.why == Why::Failed);
        let leave = known.is_some_and(|aside| {
            let unchanged = aside.size == seen.size && aside.modified == seen.modified;
            match (aside.why, &aside.stream) {
                (Why::Failed, _) => false,
                (Why::Copy, Some(stream)) => unchanged && self.holder(stream, seen.id).is_some(),
                _ => unchanged,
            }
        });
        if leave {
            return;
        }
        if seen.size == 0 {
            self.put_aside(seen, Why::Nascent, None);
            return;
        }
        if self.open.len() >= self.open_files && !self.make_room(now) {
            self.waiting.push_back(seen.clone());
            return;
        }
        let Located::Known(writer) = self.sources.locate(&seen.path, seen.section, now) else {
            return;
        };
        let files = writer.hints().apply(&self.sections[seen.section]).into_owned();
        let opening = Opening {
            files: &files,
            writer: &writer,
            streams: &self.streams,
            holder: &|stream| self.holder(stream, seen.id),
            // Each takes memory for its decoder, and old files are in no hurry.
            unpack: !self.open.iter().any(|file| file.content.is_packed()),
            now,
            wall,
        };
        match opening.open(seen) {
            Ok(Opened::Followed(file)) => {
                if let Some(other) = self.open.iter().find(|open| open.stream.id == file.stream.id)
                {
                    if !failed_before {
                        tracing::error!(
                            path = %file.shown(), other = %other.shown(), stream = %file.stream.id,
                            "two files with the same inode number and first line; only one is read"
                        );
                    }
                    self.put_aside(seen, Why::Failed, None);
                    return;
                }
                tracing::info!(
                    path = %file.shown(), stream = %file.stream.id, position = file.position,
                    size = file.size(), "following"
                );
                self.aside.remove(&seen.id);
                self.open.push(*file);
            }
            Ok(Opened::Nascent) => self.put_aside(seen, Why::Nascent, None),
            Ok(Opened::Renamed) => self.rescan = true,
            Ok(Opened::Later) => self.packed.push_back(seen.clone()),
            Ok(Opened::Copy(stream)) => self.put_aside(seen, Why::Copy, Some(stream)),
            Ok(Opened::Behind(stream)) => self.put_aside(seen, Why::Done, Some(stream)),
            Err(error) => {
                if !failed_before {
                    tracing::warn!(path = %seen.path.display(), %error, "can't be opened");
                }
                let damaged = error.kind() == std::io::ErrorKind::UnexpectedEof;
                let why = if damaged { Why::Damaged } else { Why::Failed };
                let (size, modified) = (seen.size, seen.modified);
                let problem = Some(error.to_string());
                self.aside.insert(seen.id, Aside { why, size, modified, stream: None, problem });
            }
        }
    }

    fn put_aside(&mut self, seen: &Seen, why: Why, stream: Option<Arc<Stream>>) {
        let (size, modified) = (seen.size, seen.modified);
        let aside = Aside { why, size, modified, stream, problem: None };
        self.aside.insert(seen.id, aside);
    }

    /// Opens files that wait for room, as far as there is some. Returns whether one left the queue.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        let mut admitted = false;
        while !self.waiting.is_empty() && (self.open.len() < self.open_files || self.make_room(now))
        {
            let Some(seen) = self.waiting.pop_front() else { break };
            self.consider(&seen, now, SystemTime::now());
            admitted = true;
        }
        if !self.open.iter().any(|file| file.content.is_packed())
            && let Some(seen) = self.packed.pop_front()
        {
            self.consider(&seen, now, SystemTime::now());
            admitted = true;
        }
        admitted
    }

    /// Looks at the files whose first line wasn't whole.
    pub(super) fn look_at_nascent(&mut self, now: Instant) {
        let nascent = |aside: &Aside| aside.why == Why::Nascent;
        let grown: Vec<Seen> = self
            .aside
            .iter()
            .filter(|(_, aside)| nascent(aside))
            .filter_map(|(id, aside)| {
                let seen = self.seen.get(id)?;
                let metadata = std::fs::metadata(&seen.path).ok()?;
                let same = FileId::of(&metadata) == *id && metadata.len() == aside.size;
                // A name that passed to another file is the next scan's.
                (!same && FileId::of(&metadata) == *id).then(|| Seen {
                    size: metadata.len(),
                    modified: metadata.modified().unwrap_or(seen.modified),
                    ..seen.clone()
                })
            })
            .collect();
        for seen in grown {
            self.consider(&seen, now, SystemTime::now());
        }
    }

    /// The name of another file that is there and is this stream, or may be: one that wasn't looked at
    /// yet may still be the one that the stream began in.
    fn holder(&self, stream: &Stream, me: FileId) -> Option<PathBuf> {
        let open = self.open.iter().find(|file| file.stream.id == stream.id && file.id != me);
        if let Some(file) = open {
            return Some(file.path.clone());
        }
        let is_aside = |id: &FileId| {
            self.aside.get(id).is_some_and(|aside| {
                aside.why != Why::Copy && aside.stream.as_ref().is_some_and(|s| s.id == stream.id)
            })
        };
        let is_new = |id: &FileId| {
            id.ino == stream.file.ino
                && !self.aside.contains_key(id)
                && !self.open.iter().any(|file| file.id == *id)
        };
        self.seen
            .values()
            .find(|seen| seen.id != me && (is_aside(&seen.id) || is_new(&seen.id)))
            .map(|seen| seen.path.clone())
    }

    /// Closes the file that has been quiet for longest, of those that can be found again and have
    /// nothing left to do. Returns whether there was one.
    fn make_room(&mut self, now: Instant) -> bool {
        let listed = |file: &&mut super::follow::Followed| file.is_listed() && file.is_idle();
        let quietest = (0..self.open.len())
            .filter(|&at| self.open[at].is_listed() && self.open[at].is_idle())
            .filter(|&at| self.open[at].is_decided())
            .max_by_key(|&at| self.open[at].quiet_for(now));
        if let Some(at) = quietest {
            self.close(at);
            return true;
        }
        // Files whose format nobody knows must not keep all others out.
        if let Some(file) = self.open.iter_mut().find(listed)
            && let Err(error) = file.force_decision()
        {
            tracing::warn!(path = %file.shown(), %error, "can't be read");
        }
        false
    }
}
