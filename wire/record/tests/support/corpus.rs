//! The logs of real servers that the repository carries, or the larger corpus where there is one, and what `expected.json` says of them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One file of the corpus.
#[allow(dead_code)] // not every test asks for all of it
pub struct Fixture {
    pub path: String,
    pub expected: Value,
    stored: PathBuf,
}

impl Fixture {
    /// The content, decompressed where it is stored compressed.
    pub fn bytes(&self) -> Vec<u8> {
        let stored = fs::read(&self.stored).unwrap();
        if self.path.ends_with(".zst") { zstd::decode_all(&stored[..]).unwrap() } else { stored }
    }
}

/// All files of these formats, or of any.
pub fn files(formats: &[&str]) -> Vec<Fixture> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("TRUNKLINE_CORPUS").map(PathBuf::from);
    let beside = here.join("../../../shared/corpus");
    let larger = named.or_else(|| beside.join("expected.json").exists().then_some(beside));
    let corpus = larger.unwrap_or_else(|| here.join("../../tests/fixtures/corpus"));
    let text = fs::read_to_string(corpus.join("expected.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let files = document["files"].as_object().unwrap();
    let of_format = |expected: &Value| {
        formats.is_empty() || formats.contains(&expected["format"].as_str().unwrap())
    };
    let found: Vec<_> = files
        .iter()
        .filter(|(_, expected)| of_format(expected))
        .map(|(path, expected)| Fixture {
            path: path.clone(),
            expected: expected.clone(),
            stored: corpus.join(path),
        })
        .collect();
    assert!(!found.is_empty(), "no files of {formats:?} in {}", corpus.display());
    found
}
