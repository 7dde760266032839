//! Whether the file of a stream can still be read, asked before anything is followed.

use std::{cell::OnceCell, collections::HashMap, fs::File, path::PathBuf};

use super::{content::Content, discover::scan, open::first_line};
use crate::{config::Files, identity::FileId, streams::Stream};

/// Tells whether the file that a stream began in is still there under a name that a glob matches. The
/// directories are looked at when it is asked first.
pub fn still_there(sections: &[Files]) -> impl Fn(&Stream) -> bool {
    let files: OnceCell<HashMap<FileId, PathBuf>> = OnceCell::new();
    move |stream| {
        let by_id = || scan(sections).files.into_iter().map(|seen| (seen.id, seen.path)).collect();
        let Some(path) = files.get_or_init(by_id).get(&stream.file) else { return false };
        // An inode can be another file's by now.
        let content = File::open(path).and_then(Content::of);
        let line = content.and_then(|mut content| first_line(&mut content)).ok().flatten();
        line.is_some_and(|line| line.fingerprint() == stream.fingerprint)
    }
}
