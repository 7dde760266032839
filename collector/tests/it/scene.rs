//! A collector, a directory of log files, and a receiver.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use trunkline_collector::config::Config;

use crate::{
    receiver::{Receiver, State},
    running::config,
};

pub struct Scene {
    pub dir: TempDir,
    pub receiver: Receiver,
    pub config: Config,
}

impl Scene {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("log")).unwrap();
        let receiver = Receiver::start().await;
        let config = config(dir.path(), &receiver);
        Self { dir, receiver, config }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("log").join(name)
    }

    pub fn append(&self, name: &str, text: &str) {
        append(&self.path(name), text);
    }

    pub async fn arrives(&self, messages: &[&str]) {
        let mut expected: Vec<String> = messages.iter().map(ToString::to_string).collect();
        expected.sort();
        self.receiver.wait(&format!("{expected:?}"), |state| texts(state) == expected).await;
    }
}

pub fn append(path: &Path, text: &str) {
    let mut file = File::options().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

pub fn texts(state: &State) -> Vec<String> {
    let mut texts: Vec<String> = state
        .streams
        .values()
        .flat_map(|stream| stream.rows.iter().map(|(_, text)| text.clone()))
        .collect();
    texts.sort();
    texts
}

pub async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}
