//! The instance's properties: the collector's own settings, by the same names, dots and all (`tail.poll_interval`), over those of a
//! `collector.toml` that the property `config` may name.
//!
//! `[[files]]` is `path`, one glob or several with commas between them, and beside it `format`, `log_timezone` and so on for all of them.
//! `queue` is how many bytes of events may wait for the host, which takes them once a second. The host keeps keys like `tag`,
//! `log_level`, `storage.type` and `mem_buf_limit` to itself. `[ship]`, `[spool]`, `[log]` and `shutdown_grace` mean nothing here.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context, anyhow};
use bytesize::ByteSize;
use figment::{
    Figment,
    providers::{Format as _, Serialized, Toml},
    value::Value,
};
use trunkline_collector::config::{Config, ShipCompression, SpoolConfig};

/// The settings that are texts, durations and sizes among them.
const TEXTS: [&str; 29] = [
    "state_dir",
    "source.namespace",
    "source.cluster",
    "source.pod",
    "source.container",
    "source.node",
    "source.role",
    "patroni.url",
    "patroni.interval",
    "patroni.timeout",
    "patroni.role_expires",
    "patroni.tls.ca",
    "patroni.tls.server_name",
    "patroni.tls.certificate",
    "patroni.tls.key",
    "kubernetes.api",
    "kubernetes.pod_logs",
    "kubernetes.metadata_wait",
    "kubernetes.remember",
    "chunk.bytes",
    "chunk.age",
    "tail.watch",
    "tail.poll_interval",
    "tail.record_pause",
    "tail.read_buffer",
    "tail.max_record",
    "tail.finished_after",
    "tail.forget_after",
    "http.listen",
];

/// The keys of a `[[files]]` section beside `path`; texts too.
const FILES: [&str; 6] = [
    "format",
    "log_timezone",
    "log_line_prefix",
    "content",
    "patroni_format",
    "patroni_dateformat",
];

/// Those that are no texts: a number, a truth value, a list in brackets.
const OTHERS: [&str; 3] = ["tail.open_files", "kubernetes.enabled", "kubernetes.preset"];

/// What differs from the collector's own defaults: other directories, and no port that a second instance would find taken.
const STATE_DIR: &str = "/var/lib/trunkline-fluent-bit";

/// As much as the host takes in a second, three times in memory on its way: 16 MB of events are about 7 MB of log.
const QUEUE: ByteSize = ByteSize::mib(16);

/// An instance's settings.
#[derive(Debug)]
pub struct Settings {
    /// The `collector.toml`.
    pub file: Option<PathBuf>,
    /// The collector's settings.
    pub config: Config,
    /// Bytes of events that may wait for the host.
    pub queue: usize,
}

impl Settings {
    /// Asks for all properties.
    ///
    /// # Errors
    /// Names the first that can't be used.
    pub fn of(property: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let file = property("config").map(PathBuf::from);
        let mut figment = Figment::from(Serialized::default("state_dir", STATE_DIR))
            .merge(Serialized::default("http.listen", ""));
        if let Some(file) = &file {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("config: {}", file.display()))?;
            figment = figment.merge(Toml::string(&text));
        }
        for key in TEXTS {
            if let Some(value) = property(key) {
                figment = figment.merge(Serialized::default(key, value));
            }
        }
        for key in OTHERS {
            if let Some(value) = property(key) {
                // Anything is a value: what is no number, truth value or list is a text.
                let value: Value = value.parse().unwrap_or_else(|never| match never {});
                figment = figment.merge(Serialized::default(key, value));
            }
        }
        if let Some(path) = property("path") {
            let globs = path.split(',').map(str::trim).filter(|glob| !glob.is_empty());
            let files: Vec<_> = globs.map(|glob| files(glob, &property)).collect();
            figment = figment.merge(Serialized::default("files", files));
        }
        let named = file.clone().unwrap_or_else(|| "properties".into());
        let mut config = Config::extract(figment, &named)?;
        config.spool = SpoolConfig::default();
        // They go no further than to the host.
        config.ship.compression = ShipCompression::None;
        config.shutdown_grace = std::time::Duration::ZERO;
        let queue = match property("queue") {
            Some(text) => text.parse().map_err(|error| anyhow!("queue: {text:?}: {error}"))?,
            None => QUEUE,
        };
        let queue = usize::try_from(queue.as_u64()).unwrap_or(usize::MAX);
        Ok(Self { file, config, queue })
    }
}

/// A `[[files]]` section.
fn files(glob: &str, property: &impl Fn(&str) -> Option<String>) -> BTreeMap<&'static str, String> {
    let others = FILES.iter().filter_map(|key| Some((*key, property(key)?)));
    others.chain([("path", glob.to_owned())]).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;
    use trunkline_collector::config::FilesConfig;

    use super::*;

    fn settings(properties: &[(&str, &str)]) -> anyhow::Result<Settings> {
        let find = |key: &str| properties.iter().find(|(name, _)| *name == key);
        Settings::of(|key| find(key).map(|(_, value)| (*value).to_owned()))
    }

    /// The keys of all values, with dots.
    fn keys(prefix: &str, value: &Json, into: &mut Vec<String>) {
        match value {
            Json::Object(members) => {
                for (name, value) in members {
                    let dot = if prefix.is_empty() { "" } else { "." };
                    keys(&format!("{prefix}{dot}{name}"), value, into);
                }
            }
            _ => into.push(prefix.to_owned()),
        }
    }

    #[test]
    fn the_collectors_settings_are_all_there() {
        let mut all = Vec::new();
        let config = serde_json::to_value(Config::default()).unwrap();
        keys("", &config, &mut all);
        let elsewhere = ["ship.", "spool.", "log.", "shutdown_grace", "files", "kubernetes.select"];
        let is_ours = |key: &&String| !elsewhere.iter().any(|start| key.starts_with(start));
        let missing: Vec<_> = all
            .iter()
            .filter(is_ours)
            .filter(|key| !TEXTS.contains(&key.as_str()) && !OTHERS.contains(&key.as_str()))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
        let files = serde_json::to_value(FilesConfig {
            log_timezone: Some(String::new()),
            log_line_prefix: Some(String::new()),
            patroni_format: Some(String::new()),
            patroni_dateformat: Some(String::new()),
            content: Some(String::new()),
            ..FilesConfig::new("")
        });
        let files = files.unwrap();
        let names = files.as_object().unwrap().keys();
        let known = |name: &&String| *name == "path" || FILES.contains(&name.as_str());
        assert_eq!(names.clone().count(), names.filter(known).count());
    }

    #[test]
    fn properties_stand_over_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("collector.toml");
        let text = "state_dir = \"/s\"\n[source]\ncluster = \"c\"\npod = \"p\"\n[[files]]\npath = \"/f\"\n";
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        let settings = settings(&[
            ("config", file),
            ("path", "/a/*.csv, /b/*.csv"),
            ("format", "csvlog"),
            ("source.pod", "10"),
            ("tail.open_files", "7"),
            ("tail.poll_interval", "20ms"),
            ("queue", "1 MiB"),
        ])
        .unwrap();
        let config = settings.config;
        let files: Vec<_> = config.files.iter().map(|files| files.path.as_str()).collect();
        assert_eq!(files, ["/a/*.csv", "/b/*.csv"]);
        assert!(config.files.iter().all(|files| files.format == "csvlog"));
        assert_eq!(config.source.cluster.as_deref(), Some("c"));
        assert_eq!(config.source.pod.as_deref(), Some("10"));
        assert_eq!((config.tail.open_files, config.tail.poll_interval.as_millis()), (7, 20));
        assert_eq!((config.state_dir, config.http.listen.as_str()), ("/s".into(), ""));
        assert_eq!(settings.queue, 1 << 20);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (properties, named) in [
            (&[][..], "files"),
            (&[("path", "relative")], "files.path"),
            (&[("path", "/a"), ("queue", "much")], "queue"),
            (&[("path", "/a"), ("tail.open_files", "many")], "tail.open_files"),
            (&[("config", "/absent/collector.toml")], "/absent/collector.toml"),
        ] {
            let error = format!("{:#}", settings(properties).unwrap_err());
            assert!(error.contains(named), "{properties:?}: {error}");
        }
    }
}
