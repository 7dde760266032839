//! The state directory: made if absent, proved to be writable, and held by one collector at a time.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

const LOCK: &str = "lock";
const PROBE: &str = "probe";

/// A state directory that this process alone uses, as long as this value lives.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    _lock: File,
}

/// Why a state directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// It can't be made, or nothing can be written in it.
    #[error("state_dir: {}: cannot be written: {source}", .path.display())]
    Unwritable {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process holds its lock.
    #[error("state_dir: {}: in use by another collector", .path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
}

impl StateDir {
    /// Makes the directory, writes a file in it, and locks it.
    pub fn open(path: &Path) -> Result<Self, StateDirError> {
        let unwritable = |source| StateDirError::Unwritable { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(unwritable)?;
        let lock = File::create(path.join(LOCK)).map_err(unwritable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StateDirError::InUse { path: path.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(unwritable(source)),
        }
        let probe = path.join(PROBE);
        fs::write(&probe, b"x").map_err(unwritable)?;
        fs::remove_file(&probe).map_err(unwritable)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
