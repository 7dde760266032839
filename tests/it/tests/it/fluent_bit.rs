//! The Fluent Bit plugins inside a host that calls them as Fluent Bit does (`tests/harness/fluent-bit`).

mod delivery;
mod input;
mod output;
mod storage;
mod valgrind;

use std::fs;
use std::path::{Path, PathBuf};

use trunkline_harness::Corpus;

/// Log files of real servers, in a directory each with what wrote them, and the host's own directories beside them.
struct Scene {
    directory: tempfile::TempDir,
    /// A glob for each directory of logs, and the time zone of the server.
    globs: Vec<(String, String)>,
    /// The files.
    logs: Vec<PathBuf>,
}

impl Scene {
    /// With the csvlog files that the repository carries, or of the larger corpus those of at most so many bytes.
    fn with_csvlog(most: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (mut globs, mut logs) = (Vec::new(), Vec::new());
        for fixture in Corpus::all().unwrap().files("csvlog") {
            if fixture.expected.bytes > most {
                continue;
            }
            let path = fixture.unpack_into(&directory.path().join("logs")).unwrap();
            let glob = path.with_file_name("*.csv").display().to_string();
            let zone = fixture.expected.log_timezone.clone().unwrap();
            if !globs.contains(&(glob.clone(), zone.clone())) {
                globs.push((glob, zone));
            }
            logs.push(path);
        }
        assert!(logs.len() > 5, "only {} files", logs.len());
        fs::create_dir(directory.path().join("storage")).unwrap();
        Self { directory, globs, logs }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where the host keeps its chunks.
    fn storage(&self) -> PathBuf {
        self.path("storage")
    }

    /// A `collector.toml` for an instance of the input, which has one `[[files]]` for each directory of logs.
    fn config(&self, name: &str, globs: &[(String, String)]) -> PathBuf {
        let mut text = format!("state_dir = \"{}\"\n", self.path(name).display());
        text.push_str("[tail]\npoll_interval = \"20ms\"\n");
        for (glob, zone) in globs {
            let files =
                format!("path = \"{glob}\"\nformat = \"csvlog\"\nlog_timezone = \"{zone}\"\n");
            text.push_str(&format!("\n[[files]]\n{files}"));
        }
        let path = self.path(&format!("{name}.toml"));
        fs::write(&path, text).unwrap();
        path
    }
}

/// How far a checkpoint is, all its streams together.
fn positions(state: &Path) -> u64 {
    let Ok(text) = fs::read(state.join("checkpoint.json")) else { return 0 };
    let checkpoint: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let streams = checkpoint["streams"].as_array().unwrap();
    streams.iter().map(|stream| stream["position"].as_u64().unwrap()).sum()
}
