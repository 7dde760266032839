//! Wakes the tail thread when something happens in a directory. Its events only shorten a wait: what
//! has happened is found out by looking, so that lost events and places without them cost time only.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use notify::{
    Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::ModifyKind,
};

use super::wake::Wake;
use crate::identity::FileId;

/// The directories that are being watched.
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    /// By name; a directory that was made anew under the same name has another id.
    watched: BTreeMap<PathBuf, FileId>,
    failed: BTreeSet<PathBuf>,
}

impl Watch {
    /// A watch over nothing yet; `wake` will be told.
    pub fn new(wake: Wake) -> Self {
        let on_event = move |event: notify::Result<Event>| match event.map(|event| event.kind) {
            // Our own looking around.
            Ok(EventKind::Access(_)) => {}
            Ok(EventKind::Modify(ModifyKind::Data(_))) => wake.grew(),
            _ => wake.names(),
        };
        let watcher = RecommendedWatcher::new(on_event, Config::default())
            .inspect_err(|error| tracing::warn!(%error, "no file events here; polling"))
            .ok();
        Self { watcher, watched: BTreeMap::new(), failed: BTreeSet::new() }
    }

    /// Watches exactly `dirs`. Returns whether all of them are watched.
    pub fn set(&mut self, dirs: &BTreeSet<PathBuf>) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        let now: BTreeMap<PathBuf, FileId> = dirs
            .iter()
            .filter_map(|dir| Some((dir.clone(), FileId::of(&dir.metadata().ok()?))))
            .collect();
        self.watched.retain(|dir, id| {
            let stays = now.get(dir) == Some(id);
            if !stays {
                // It fails when the directory itself is gone, and its watch with it.
                drop(watcher.unwatch(dir));
            }
            stays
        });
        self.failed.retain(|dir| now.contains_key(dir));
        for (dir, id) in now {
            if self.watched.contains_key(&dir) {
                continue;
            }
            match watcher.watch(&dir, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.failed.remove(&dir);
                    self.watched.insert(dir, id);
                }
                Err(error) => {
                    if self.failed.insert(dir.clone()) {
                        tracing::warn!(dir = %dir.display(), %error, "can't be watched; polling");
                    }
                }
            }
        }
        self.watched.len() == dirs.len()
    }
}
