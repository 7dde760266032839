//! Compares the names that the globs match with the files that are known: opens what is new or has
//! grown, within the limit of open files, and remembers what was put aside and why.

use std::{
    collections::{HashMap, HashSet},
    time::{Instant, SystemTime},
};

use super::{
    Tail,
    discover::{self, Scan, Seen},
    follow::{Followed, Opened},
};
use crate::{identity::FileId, metrics::Matched};

/// A file that a glob matches and that isn't open, as it was when it was put aside.
#[derive(Debug, PartialEq)]
pub(super) struct Aside {
    pub(super) why: Why,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
}

#[derive(Debug, PartialEq)]
pub(super) enum Why {
    /// Its first line isn't whole yet.
    Nascent,
    /// It was read to its end and newer files have replaced it.
    Done,
    /// It can't be opened or read; tried again with each scan.
    Failed,
}

impl Tail {
    /// Compares the names with what is known: opens what is new, notices what is gone. Returns whether
    /// all directories are watched.
    pub(super) fn scan(&mut self, now: Instant, wall: SystemTime) -> bool {
        let scan = discover::scan(&self.sections);
        self.show_matched(&scan);
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
        self.aside.retain(|id, _| by_id.contains_key(id));
        let open: HashSet<FileId> = self.open.iter().map(|file| file.id).collect();
        for seen in scan.files.iter().filter(|seen| !open.contains(&seen.id)) {
            self.consider(seen, now, wall);
        }
        self.metrics.files_open.set(i64::try_from(self.open.len()).unwrap_or(i64::MAX));
        if let Some(horizon) = wall.checked_sub(self.forget_after) {
            self.streams.forget(horizon);
        }
        watched
    }

    /// Lets the status page know what the globs match, and says once which match nothing.
    fn show_matched(&self, scan: &Scan) {
        let none = (0..self.sections.len())
            .filter(|&section| !scan.files.iter().any(|seen| seen.section == section))
            .map(|section| self.sections[section].glob.clone())
            .collect();
        let matched = Matched { files: scan.files.len(), none };
        let globs = matched.none.join(", ");
        if self.metrics.set_matched(matched) && !globs.is_empty() {
            tracing::warn!(globs, "no file matches; waiting for one");
        }
    }

    /// Opens a file that isn't open, if there is a reason to.
    fn consider(&mut self, seen: &Seen, now: Instant, wall: SystemTime) {
        let known = self.aside.get(&seen.id);
        let unchanged = known.is_some_and(|aside| {
            aside.why != Why::Failed && aside.size == seen.size && aside.modified == seen.modified
        });
        if unchanged {
            return;
        }
        let (size, modified) = (seen.size, seen.modified);
        let failed_before = known.is_some_and(|aside| aside.why == Why::Failed);
        if size == 0 {
            self.aside.insert(seen.id, Aside { why: Why::Nascent, size, modified });
            return;
        }
        if self.open.len() >= self.open_files && !self.make_room(now) {
            return;
        }
        let files = &self.sections[seen.section];
        match Followed::open(seen, files, &self.streams, now, wall) {
            Ok(Opened::Followed(file)) => {
                if let Some(other) = self.open.iter().find(|open| open.stream.id == file.stream.id)
                {
                    if !failed_before {
                        tracing::error!(
                            path = %file.shown(), other = %other.shown(), stream = %file.stream.id,
                            "two files with the same inode number and first line; only one is read"
                        );
                    }
                    self.aside.insert(seen.id, Aside { why: Why::Failed, size, modified });
                    return;
                }
                tracing::info!(
                    path = %file.shown(), stream = %file.stream.id, position = file.position,
                    size = file.size(), "following"
                );
                self.aside.remove(&seen.id);
                self.open.push(*file);
            }
            Ok(Opened::Nascent) => {
                self.aside.insert(seen.id, Aside { why: Why::Nascent, size, modified });
            }
            Ok(Opened::Renamed) => self.rescan = true,
            Err(error) => {
                if !failed_before {
                    tracing::warn!(path = %seen.path.display(), %error, "can't be opened");
                }
                self.aside.insert(seen.id, Aside { why: Why::Failed, size, modified });
            }
        }
    }

    /// Closes the file that has been quiet for longest, of those that can be found again and have
    /// nothing unread. Returns whether there was one.
    fn make_room(&mut self, now: Instant) -> bool {
        let quietest = (0..self.open.len())
            .filter(|&at| self.open[at].is_drained() && self.open[at].is_listed())
            .max_by_key(|&at| self.open[at].quiet_for(now));
        match quietest {
            Some(at) => {
                self.close(at);
                true
            }
            None => false,
        }
    }
}
