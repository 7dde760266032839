//! Where the tail thread sleeps, and what it hears of the directories: inotify.
//!
//! Events only shorten a wait: what has happened is found out by looking, so that lost events and
//! places without them cost time, never records. The thread reads events itself, and only between
//! waits: while a writer is busy they pile up in the kernel, which merges those that repeat, and cost
//! one read instead of one wake each.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
    time::Instant,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags},
    io::Errno,
};

use super::wake::Wake;
use crate::{config::WatchMode, identity::FileId};

/// Room for about a thousand events with the names of log files.
const EVENT_BUFFER: usize = 64 * 1024;

/// What is of interest in a directory.
const EVENTS: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// What has happened since the tail thread last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// A file may have grown.
    pub grew: bool,
    /// A name appeared, vanished or moved.
    pub names: bool,
}

/// The directories that are being watched.
#[derive(Debug)]
pub struct Watch {
    wake: Wake,
    /// None where the system gives none, or none are wanted: then there is only polling.
    inotify: Option<OwnedFd>,
    /// By name: the watch, and which directory it is (another one when it was made anew).
    watched: BTreeMap<PathBuf, (i32, FileId)>,
    failed: BTreeSet<PathBuf>,
    buffer: Box<[MaybeUninit<u8>]>,
}

impl Watch {
    /// A watch over nothing yet, which `wake` interrupts.
    pub fn new(wake: Wake, mode: WatchMode) -> Self {
        let events = || {
            inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
                .inspect_err(|error| tracing::warn!(%error, "no file events; polling"))
                .ok()
        };
        let inotify = match mode {
            WatchMode::Auto => events(),
            WatchMode::Poll => None,
        };
        Self {
            wake,
            inotify,
            watched: BTreeMap::new(),
            failed: BTreeSet::new(),
            buffer: vec![MaybeUninit::uninit(); EVENT_BUFFER].into(),
        }
    }

    /// Watches exactly `dirs`. Returns whether all of them are watched.
    pub fn set(&mut self, dirs: &BTreeSet<PathBuf>) -> bool {
        let Some(inotify) = &self.inotify else { return false };
        let now: BTreeMap<&PathBuf, FileId> =
            dirs.iter().filter_map(|dir| Some((dir, FileId::of(&dir.metadata().ok()?)))).collect();
        self.watched.retain(|dir, (watch, id)| {
            let stays = now.get(dir) == Some(id);
            if !stays {
                // It fails when the directory itself is gone, and its watch with it.
                let _ = inotify::remove_watch(inotify, *watch);
            }
            stays
        });
        self.failed.retain(|dir| now.contains_key(dir));
        for (dir, id) in now {
            if self.watched.contains_key(dir) {
                continue;
            }
            match inotify::add_watch(inotify, dir, EVENTS) {
                Ok(watch) => {
                    self.failed.remove(dir);
                    self.watched.insert(dir.clone(), (watch, id));
                }
                Err(error) => {
                    if self.failed.insert(dir.clone()) {
                        tracing::warn!(dir = %dir.display(), %error, "can't be watched; polling");
                    }
                }
            }
        }
        self.failed.is_empty() && self.watched.len() == dirs.len()
    }

    /// Sleeps until [`Wake::ring`], until `until`, or, if `for_files`, until something happens in a
    /// directory.
    pub fn wait(&self, until: Instant, for_files: bool) {
        let mut fds = vec![PollFd::from_borrowed_fd(self.wake.fd(), PollFlags::IN)];
        if let Some(inotify) = self.inotify.as_ref().filter(|_| for_files) {
            fds.push(PollFd::from_borrowed_fd(inotify.as_fd(), PollFlags::IN));
        }
        let left = until.saturating_duration_since(Instant::now());
        // A wait that is too long for the system's type, or interrupted, only ends early: the caller
        // looks at the clock itself.
        let limit = Timespec::try_from(left).unwrap_or_default();
        let _ = poll(&mut fds, Some(&limit));
        self.wake.heard();
    }

    /// What has happened in the directories since this was last asked.
    pub fn news(&mut self) -> News {
        let mut news = News::default();
        let Some(inotify) = &self.inotify else { return news };
        let mut reader = Reader::new(inotify, &mut self.buffer);
        loop {
            match reader.next() {
                Ok(event) if event.events() == ReadFlags::MODIFY => news.grew = true,
                // An overflow is among these: anything may have happened.
                Ok(_) => news = News { grew: true, names: true },
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return news,
                Err(error) => {
                    tracing::warn!(error = %io::Error::from(error), "file events failed; polling");
                    self.inotify = None;
                    return news;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write, time::Duration};

    use super::*;

    const GREW: News = News { grew: true, names: false };
    const BOTH: News = News { grew: true, names: true };

    #[test]
    fn growth_and_names_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(Wake::new().unwrap(), WatchMode::Auto);
        assert!(watch.set(&[dir.path().to_owned()].into()));
        assert_eq!(watch.news(), News::default());
        let mut file = fs::File::create(dir.path().join("a")).unwrap();
        assert_eq!(watch.news(), BOTH);
        file.write_all(b"x").unwrap();
        assert_eq!(watch.news(), GREW);
        fs::read_dir(dir.path()).unwrap().for_each(drop);
        assert_eq!(watch.news(), News::default(), "our own looking is no news");
        fs::rename(dir.path().join("a"), dir.path().join("b")).unwrap();
        assert_eq!(watch.news(), BOTH);
        fs::remove_file(dir.path().join("b")).unwrap();
        assert_eq!(watch.news(), BOTH);
    }

    #[test]
    fn a_ring_before_the_sleep_is_not_lost_and_is_heard_once() {
        let wake = Wake::new().unwrap();
        let watch = Watch::new(wake.clone(), WatchMode::Auto);
        wake.ring();
        let started = Instant::now();
        watch.wait(started + Duration::from_secs(60), true);
        assert!(started.elapsed() < Duration::from_secs(30));
        watch.wait(started + Duration::from_millis(50), true);
        assert!(started.elapsed() >= Duration::from_millis(50));
    }

    #[test]
    fn files_end_the_sleep_only_when_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(Wake::new().unwrap(), WatchMode::Auto);
        watch.set(&[dir.path().to_owned()].into());
        fs::write(dir.path().join("a"), "x").unwrap();
        let started = Instant::now();
        watch.wait(started + Duration::from_millis(50), false);
        assert!(started.elapsed() >= Duration::from_millis(50));
        watch.wait(started + Duration::from_secs(60), true);
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_directory_that_was_made_anew_is_watched_anew() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("inner");
        let mut watch = Watch::new(Wake::new().unwrap(), WatchMode::Auto);
        assert!(!watch.set(&[inner.clone()].into()), "not there yet");
        fs::create_dir(&inner).unwrap();
        assert!(watch.set(&[inner.clone()].into()));
        fs::rename(&inner, dir.path().join("old")).unwrap();
        fs::create_dir(&inner).unwrap();
        assert!(watch.set(&[inner.clone()].into()));
        watch.news();
        fs::write(inner.join("a"), "x").unwrap();
        assert_eq!(watch.news(), BOTH);
    }
}
