//! The crate edges and layers of ARCHITECTURE.md, checked mechanically.

// The helpers below panic like the tests that call them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What one crate may use.
struct Rule {
    name: &'static str,
    /// Crates of the workspace; `*` is all of them.
    ours: &'static [&'static str],
    /// All other crates, for a pure crate.
    others: Option<&'static [&'static str]>,
}

const RULES: [Rule; 12] = [
    Rule {
        name: "trunkline-forward",
        ours: &[],
        others: Some(&["bytes", "flate2", "memchr", "rmp", "sha2", "thiserror", "zstd"]),
    },
    Rule {
        name: "trunkline-record",
        ours: &["trunkline-forward"],
        others: Some(&[
            "bytes",
            "chrono",
            "chrono-tz",
            "csv-core",
            "memchr",
            "regex",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
            "uuid",
            "wide",
        ]),
    },
    Rule {
        name: "trunkline-query",
        ours: &["trunkline-record"],
        others: Some(&["chrono", "sqlparser", "strsim", "thiserror"]),
    },
    Rule {
        name: "trunkline-collector",
        ours: &["trunkline-forward", "trunkline-record"],
        others: None,
    },
    Rule {
        name: "trunkline-fluent-bit",
        ours: &["trunkline-forward", "trunkline-record"],
        others: Some(&["libc", "thiserror", "tracing"]),
    },
    Rule {
        name: "trunkline-fluent-bit-in",
        ours: &[
            "trunkline-collector",
            "trunkline-fluent-bit",
            "trunkline-forward",
            "trunkline-record",
        ],
        others: None,
    },
    Rule {
        name: "trunkline-fluent-bit-out",
        ours: &[
            "trunkline-collector",
            "trunkline-fluent-bit",
            "trunkline-forward",
            "trunkline-record",
        ],
        others: None,
    },
    Rule {
        name: "trunkline-ingester",
        ours: &["trunkline-forward", "trunkline-query", "trunkline-record"],
        others: None,
    },
    // It knows the API as anybody does.
    Rule { name: "trunkline-cli", ours: &[], others: None },
    Rule { name: "trunkline-harness", ours: &[], others: None },
    Rule { name: "trunkline-it", ours: &["*"], others: None },
    Rule { name: "trunkline-bench", ours: &["*"], others: None },
];

/// What the collector, beside a database that needs the machine, must never pull in.
const NOT_IN_COLLECTOR: [&str; 3] = ["deadpool-postgres", "postgres", "tokio-postgres"];

/// What makes code depend on the world around it.
const IMPURE: [&str; 11] = [
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "Instant::now",
    "SystemTime",
    "Local::now",
    "Utc::now",
    "tokio::",
];

#[test]
fn crates_use_only_what_the_architecture_allows() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let known: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    let found: BTreeSet<&str> =
        packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    assert_eq!(found, known, "a crate came or went: say in this test what it may use");

    for Rule { name, ours, others } in RULES {
        for (dependency, kind) in dependencies(packages, name) {
            let development = kind.as_deref() == Some("dev");
            if known.contains(dependency.as_str()) {
                let allowed = ours.contains(&"*")
                    || ours.contains(&dependency.as_str())
                    || (development && dependency == "trunkline-harness");
                assert!(allowed, "{name} must not use {dependency}");
            } else if let Some(others) = others {
                assert!(
                    development || others.contains(&dependency.as_str()),
                    "{name} is pure and must not use {dependency}"
                );
            }
            if name == "trunkline-collector" {
                assert!(
                    !NOT_IN_COLLECTOR.contains(&dependency.as_str()),
                    "the collector must not use {dependency}"
                );
            }
        }
    }
}

#[test]
fn pure_crates_touch_no_clock_file_or_socket() {
    for directory in ["wire/forward/src", "wire/record/src", "ingester/query/src"] {
        check_sources(directory, |_| false, &IMPURE);
    }
}

#[test]
fn only_the_store_knows_the_driver_and_only_the_api_knows_axum() {
    let within = |module: &'static str| {
        move |path: &Path| {
            path.starts_with(module) || path == Path::new(module).with_extension("rs")
        }
    };
    check_sources("ingester/src", within("store"), &["tokio_postgres", "deadpool_postgres"]);
    check_sources("ingester/src", within("api"), &["axum"]);
}

/// Fails when a source file under `directory`, other than those that `may` use them, holds one of the `words` outside of
/// comments and unit tests.
fn check_sources(directory: &str, may: impl Fn(&Path) -> bool, words: &[&str]) {
    let root = workspace().join(directory);
    let files = sources(&root);
    assert!(!files.is_empty(), "no sources in {directory}");
    for file in files {
        let path = file.strip_prefix(&root).unwrap();
        let of_tests =
            path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
        if may(path) || of_tests {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap();
            for word in words {
                assert!(
                    !line.contains(word),
                    "{directory}/{}:{}: {word}",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn dependencies(packages: &[Value], name: &str) -> Vec<(String, Option<String>)> {
    let package = packages.iter().find(|package| package["name"] == name).unwrap();
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    dependencies
        .map(|dependency| (text(&dependency["name"]).unwrap(), text(&dependency["kind"])))
        .collect()
}

fn metadata() -> Value {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let output = cargo
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}
