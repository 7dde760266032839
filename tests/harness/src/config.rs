//! Configuration files for the two services, written as an operator would write them.
//!
//! Ports are chosen here, free at that moment; everything else that isn't set stays at the service's default.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::ports::free_port;

/// TOML keys by table.
#[derive(Clone, Debug, Default)]
struct Keys(BTreeMap<String, BTreeMap<String, Value>>);

impl Keys {
    /// Sets `table.key`, or a key of the document when there is no table.
    fn set(&mut self, path: &str, value: impl Into<Value>) {
        let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
        self.0.entry(table.to_owned()).or_default().insert(key.to_owned(), value.into());
    }

    fn render(&self) -> String {
        let mut toml = String::new();
        // The empty name sorts first, as keys without a table must stand before all tables.
        for (table, keys) in &self.0 {
            if !table.is_empty() {
                toml += &format!("\n[{table}]\n");
            }
            for (key, value) in keys {
                toml += &format!("{key} = {}\n", inline(value));
            }
        }
        toml
    }
}

/// A value in TOML. But for tables it is written as in JSON.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(values) => {
            format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Value::Object(table) => {
            let pairs = table.iter().map(|(key, value)| format!("{key} = {}", inline(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}

fn write(directory: &Path, name: &str, toml: &str) -> Result<PathBuf> {
    let path = directory.join(name);
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(&path, toml))
        .with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

/// What an ingester is started with.
#[derive(Clone, Debug)]
pub struct IngesterConfig {
    keys: Keys,
    forward_port: u16,
    http_port: u16,
}

impl IngesterConfig {
    /// An ingester that stores into the database of this URL.
    pub fn new(database_url: &str) -> Result<Self> {
        let (forward_port, http_port) = (free_port()?, free_port()?);
        let mut keys = Keys::default();
        keys.set("database.url", database_url);
        keys.set("forward.listen", format!("127.0.0.1:{forward_port}"));
        keys.set("http.listen", format!("127.0.0.1:{http_port}"));
        // What tests and benchmarks send has times of its own.
        keys.set("database.log_time_past", "100years");
        keys.set("database.log_time_future", "100years");
        Ok(Self { keys, forward_port, http_port })
    }

    /// The same with another setting: `table.key` and its value.
    pub fn set(mut self, path: &str, value: impl Into<Value>) -> Self {
        self.keys.set(path, value);
        self
    }

    /// Where it takes Fluent Forward: `host:port`.
    pub fn forward_address(&self) -> String {
        format!("127.0.0.1:{}", self.forward_port)
    }

    /// The URL of a path of its HTTP API, such as `/health/ready`.
    pub fn http_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.http_port)
    }

    /// The file's content.
    pub fn to_toml(&self) -> String {
        self.keys.render()
    }

    /// Writes `ingester.toml` into a directory.
    pub fn write(&self, directory: &Path) -> Result<PathBuf> {
        write(directory, "ingester.toml", &self.to_toml())
    }
}

/// What a collector is started with.
#[derive(Clone, Debug)]
pub struct CollectorConfig {
    keys: Keys,
    files: Vec<Keys>,
    http_port: u16,
}

impl CollectorConfig {
    /// A collector that ships to this address, keeps its state in this directory, and reads no files yet.
    pub fn new(forward_address: &str, state_dir: &Path) -> Result<Self> {
        let http_port = free_port()?;
        let mut keys = Keys::default();
        keys.set("state_dir", state_dir.to_string_lossy());
        keys.set("ship.address", forward_address);
        keys.set("http.listen", format!("127.0.0.1:{http_port}"));
        Ok(Self { keys, files: Vec::new(), http_port })
    }

    /// The same with another setting: `table.key` and its value.
    pub fn set(mut self, path: &str, value: impl Into<Value>) -> Self {
        self.keys.set(path, value);
        self
    }

    /// The same with another `[[files]]`: a glob and its format.
    pub fn files(mut self, glob: &str, format: &str) -> Self {
        let mut files = Keys::default();
        files.set("path", glob);
        files.set("format", format);
        self.files.push(files);
        self
    }

    /// The same with another `[[files]]` whose server has this `log_timezone`.
    pub fn files_in_zone(self, glob: &str, format: &str, log_timezone: &str) -> Self {
        self.files_with(glob, format, &[("log_timezone", log_timezone)])
    }

    /// The same with another `[[files]]` that has these keys too.
    pub fn files_with(self, glob: &str, format: &str, keys: &[(&str, &str)]) -> Self {
        let mut config = self.files(glob, format);
        if let Some(files) = config.files.last_mut() {
            for (key, value) in keys {
                files.set(key, *value);
            }
        }
        config
    }

    /// The URL of a path of its status endpoint, such as `/metrics`.
    pub fn http_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.http_port)
    }

    /// The file's content.
    pub fn to_toml(&self) -> String {
        let files = self.files.iter().map(|files| format!("\n[[files]]\n{}", files.render()));
        self.keys.render() + &files.collect::<String>()
    }

    /// Writes `collector.toml` into a directory.
    pub fn write(&self, directory: &Path) -> Result<PathBuf> {
        write(directory, "collector.toml", &self.to_toml())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{CollectorConfig, IngesterConfig};

    #[test]
    fn keys_stand_before_tables_and_tables_before_files() {
        let config = CollectorConfig::new("127.0.0.1:1", Path::new("/state")).unwrap();
        let config = config
            .set("source.cluster", "a \"b\"\\")
            .set("http.listen", "")
            .files_in_zone("/x/*.csv", "csvlog", "UTC");
        assert_eq!(
            config.to_toml(),
            "state_dir = \"/state\"\n\n[http]\nlisten = \"\"\n\n[ship]\naddress = \"127.0.0.1:1\"\n\n\
             [source]\ncluster = \"a \\\"b\\\"\\\\\"\n\n\
             [[files]]\nformat = \"csvlog\"\nlog_timezone = \"UTC\"\npath = \"/x/*.csv\"\n"
        );
    }

    #[test]
    fn an_ingester_gets_two_ports() {
        let config = IngesterConfig::new("postgres://h/d").unwrap().set("batch.rows", 10);
        assert_ne!(config.forward_address(), config.http_url("").replace("http://", ""));
        assert!(config.to_toml().starts_with("\n[batch]\nrows = 10\n\n[database]\n"));
    }
}
