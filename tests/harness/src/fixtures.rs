//! Logs that real servers wrote, and what independent readers found in them.
//!
//! A corpus is a directory with an `expected.json`; `tests/fixtures/corpus` carries one with the repository. A larger one is used
//! where there is one: at `TRUNKLINE_CORPUS`, else in `../shared/corpus` beside the workspace.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Names the directory of a larger corpus.
pub const CORPUS: &str = "TRUNKLINE_CORPUS";

/// A directory of logs with its `expected.json`.
#[derive(Clone, Debug)]
pub struct Corpus {
    directory: PathBuf,
    files: BTreeMap<String, Expected>,
}

/// What `expected.json` says about one file; which parts are there depends on the format.
#[derive(Clone, Debug, Deserialize)]
pub struct Expected {
    /// `csvlog`, `jsonlog`, `stderr`, `patroni-text`, `patroni-json`, `cri`, `raw-text`, `csvlog (torn)`, …
    pub format: String,
    /// The server's `log_timezone`.
    pub log_timezone: Option<String>,
    /// Size of the uncompressed content.
    pub bytes: u64,
    /// Records, counted by an independent reader.
    pub records: Option<u64>,
    /// Number of columns → records with that many, for csvlog.
    #[serde(default)]
    pub columns: BTreeMap<String, u64>,
    /// Severity as it was written → records.
    #[serde(default)]
    pub by_severity: BTreeMap<String, u64>,
    /// SQLSTATE → records.
    #[serde(default)]
    pub by_sqlstate: BTreeMap<String, u64>,
    /// Records with a line feed in any field.
    pub multiline_records: Option<u64>,
    /// Records with bytes that are not UTF-8.
    pub records_invalid_utf8: Option<u64>,
    /// The first record's time in UTC, RFC 3339.
    pub first_utc: Option<String>,
    /// The last record's time in UTC, RFC 3339.
    pub last_utc: Option<String>,
    /// The earliest time in UTC, RFC 3339.
    pub min_utc: Option<String>,
    /// The latest time in UTC, RFC 3339.
    pub max_utc: Option<String>,
    /// Everything else, by its name in the file.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

/// One file of a corpus.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// Its path in the corpus, as `expected.json` spells it.
    pub path: String,
    /// What is known about it.
    pub expected: Expected,
    stored: PathBuf,
}

impl Corpus {
    /// The corpus that the repository carries.
    pub fn carried() -> Result<Self> {
        Self::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/corpus"))
    }

    /// The largest corpus there is: the one of `TRUNKLINE_CORPUS`, else the one beside the workspace, else the carried one.
    pub fn all() -> Result<Self> {
        if let Some(directory) = env::var_os(CORPUS).filter(|value| !value.is_empty()) {
            return Self::open(Path::new(&directory));
        }
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
        if beside.join("expected.json").exists() { Self::open(&beside) } else { Self::carried() }
    }

    /// The corpus in a directory.
    pub fn open(directory: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Document {
            files: BTreeMap<String, Expected>,
        }
        let path = directory.join("expected.json");
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let document: Document =
            serde_json::from_str(&text).with_context(|| format!("parse {}", path.display()))?;
        Ok(Self { directory: directory.to_owned(), files: document.files })
    }

    /// Its files of one format, in the order of their paths.
    pub fn files(&self, format: &str) -> Vec<Fixture> {
        let files = self.files.iter().filter(|(_, expected)| expected.format == format);
        files.map(|(path, expected)| self.fixture(path, expected)).collect()
    }

    /// One file by its path.
    pub fn file(&self, path: &str) -> Result<Fixture> {
        let expected = self.files.get(path);
        let expected =
            expected.with_context(|| format!("no {path} in {}", self.directory.display()))?;
        Ok(self.fixture(path, expected))
    }

    fn fixture(&self, path: &str, expected: &Expected) -> Fixture {
        Fixture {
            path: path.to_owned(),
            expected: expected.clone(),
            stored: self.directory.join(path),
        }
    }
}

impl Fixture {
    /// The content as the server wrote it, decompressed where it is stored compressed.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let context = || format!("read fixture {}", self.stored.display());
        let stored = fs::read(&self.stored).with_context(context)?;
        let bytes = if self.path.ends_with(".zst") {
            zstd::decode_all(stored.as_slice()).with_context(context)?
        } else {
            stored
        };
        ensure!(
            bytes.len() as u64 == self.expected.bytes,
            "{} has {} bytes, expected.json says {}",
            self.stored.display(),
            bytes.len(),
            self.expected.bytes
        );
        Ok(bytes)
    }

    /// Writes the content into `directory`, under the path of the fixture without `.zst`, and returns where.
    pub fn unpack_into(&self, directory: &Path) -> Result<PathBuf> {
        let path = directory.join(self.path.trim_end_matches(".zst"));
        let context = || format!("write {}", path.display());
        fs::create_dir_all(path.parent().unwrap_or(directory)).with_context(context)?;
        fs::write(&path, self.bytes()?).with_context(context)?;
        Ok(path)
    }
}
