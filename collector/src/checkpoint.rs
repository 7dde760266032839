//! What outlives a restart: each stream's acknowledged position, in `state_dir/checkpoint.json`.
//!
//! The file is replaced whole: temporary file, `fsync`, rename, `fsync` of the directory. So it is
//! either the old one or the new one, whenever the machine stops. One that can't be read is put aside
//! and reading starts over: that costs reading again, not duplicates, since a stream's id doesn't
//! depend on it.

mod format;
mod state_dir;

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

pub use state_dir::{StateDir, StateDirError};

use crate::{
    metrics::Metrics,
    streams::{Stream, Streams},
};

const NAME: &str = "checkpoint.json";
const TEMPORARY: &str = "checkpoint.json.new";

/// Positions are written at most this often: what a crash costs is reading this much again.
pub const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// The checkpoint file of one state directory.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    dir: PathBuf,
}

impl Checkpoint {
    /// The checkpoint in `dir`.
    pub fn new(dir: &StateDir) -> Self {
        Self { dir: dir.path().to_owned() }
    }

    /// Reads what was written last; nothing when there is no file, or none that can be understood
    /// (which is then put aside as `checkpoint.json.corrupt-<n>`).
    pub fn load(&self) -> io::Result<Vec<Stream>> {
        let path = self.dir.join(NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        match format::decode(&text) {
            Ok(streams) => Ok(streams),
            Err(error) => {
                let aside = self.free_name();
                fs::rename(&path, &aside)?;
                tracing::error!(
                    path = %path.display(), moved_to = %aside.display(), %error,
                    "checkpoint can't be read; all files are read again"
                );
                Ok(Vec::new())
            }
        }
    }

    /// The same without touching anything, for who only wants to look: nothing where it can't be read.
    pub fn peek(state_dir: &Path) -> Vec<Stream> {
        fs::read(state_dir.join(NAME))
            .ok()
            .and_then(|text| format::decode(&text).ok())
            .unwrap_or_default()
    }

    /// Replaces the file by what `streams` holds now.
    pub fn save(&self, streams: &[Arc<Stream>]) -> io::Result<()> {
        let temporary = self.dir.join(TEMPORARY);
        let mut file = File::create(&temporary)?;
        file.write_all(&format::encode(streams))?;
        file.sync_all()?;
        fs::rename(&temporary, self.dir.join(NAME))?;
        File::open(&self.dir)?.sync_all()
    }

    fn free_name(&self) -> PathBuf {
        let mut n = 1;
        loop {
            let name = self.dir.join(format!("{NAME}.corrupt-{n}"));
            if !name.exists() {
                return name;
            }
            n += 1;
        }
    }

    /// The file's path, for messages.
    pub fn path(&self) -> PathBuf {
        self.dir.join(NAME)
    }
}

/// Writes the checkpoint whenever a position has moved, until `stop`.
pub async fn keep(
    checkpoint: Checkpoint,
    streams: Arc<Streams>,
    metrics: Metrics,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = streams.changed() => {}
        }
        write(&checkpoint, &streams, &metrics).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(WRITE_INTERVAL) => {}
        }
    }
}

/// Writes the checkpoint once; a failure is logged and counted, and shows in `/health/ready`.
pub async fn write(checkpoint: &Checkpoint, streams: &Streams, metrics: &Metrics) {
    let all = streams.all();
    let target = checkpoint.clone();
    // fsync can take long on a busy disk: acks must not wait for it.
    let result = tokio::task::spawn_blocking(move || target.save(&all))
        .await
        .unwrap_or_else(|panic| Err(io::Error::other(panic)));
    let failed_before = metrics.checkpoint_failing.swap(result.is_err(), Relaxed);
    match result {
        Ok(()) => {
            metrics.checkpoint_writes.inc();
            if failed_before {
                tracing::info!(path = %checkpoint.path().display(), "checkpoint written again");
            }
        }
        Err(error) => {
            metrics.checkpoint_failures.inc();
            // Positions move each second: say it once, the metric counts.
            if !failed_before {
                tracing::error!(
                    path = %checkpoint.path().display(), %error,
                    "checkpoint can't be written; a restart will read again from the last one"
                );
            }
            streams.mark_changed();
        }
    }
}

#[cfg(test)]
mod tests;
