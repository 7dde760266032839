//! The configuration as a whole: a TOML file, overridden by the environment. Each subsystem owns the settings of its table.

use std::path::Path;
use std::time::Duration;

use figment::Figment;
use figment::error::Kind;
use figment::providers::{Env, Format, Toml};
use serde::Deserialize;

use crate::shards::{ShardConfig, Shards};
use crate::store::DatabaseUrl;
use crate::{api, batch, log, receive, store};

const PREFIX: &str = "TRUNKLINE_INGESTER_";
const DATABASE_URL: &str = "TRUNKLINE_DATABASE_URL";

/// All settings. `ingester.toml` beside this crate shows each with its default.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The database that records are stored in; with shards, the hub that answers queries.
    pub database: store::Config,
    /// Several databases that records are stored in.
    pub shards: Vec<ShardConfig>,
    /// The Forward listener.
    pub forward: receive::Config,
    /// When a batch is cut.
    pub batch: batch::Config,
    /// What is done about the tables in the background.
    pub lifecycle: store::lifecycle::Config,
    /// How long records are kept.
    pub retention: store::lifecycle::retention::Config,
    /// The HTTP listener.
    pub http: api::Config,
    /// The process's own log.
    pub log: log::Config,
    /// How long a stop may take to store and acknowledge what is in hand.
    #[serde(with = "humantime_serde")]
    pub shutdown_grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: store::Config::default(),
            shards: Vec::new(),
            forward: receive::Config::default(),
            batch: batch::Config::default(),
            lifecycle: store::lifecycle::Config::default(),
            retention: store::lifecycle::retention::Config::default(),
            http: api::Config::default(),
            log: log::Config::default(),
            shutdown_grace: Duration::from_secs(20),
        }
    }
}

/// Why a configuration was refused; the message is one line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file isn't there, or can't be read.
    #[error("configuration file {path}: {source}")]
    File {
        /// As it was given.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A key that isn't known, or a value that can't be read.
    #[error("{0}")]
    Value(String),
    /// Values that can be read and make no sense.
    #[error("{setting}: {reason}")]
    Invalid {
        /// The key, with its table.
        setting: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
}

impl Config {
    /// Reads `file`, when there is one, and the environment, and checks the whole.
    pub fn load(file: Option<&Path>) -> Result<Self, Error> {
        let mut figment = Figment::new();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|source| Error::File { path: path.display().to_string(), source })?;
            // By itself first, so that what is wrong in the file is said to be.
            let toml = Figment::from(Toml::string(&text));
            toml.extract::<Self>().map_err(|error| {
                Error::Value(format!("{}: {}", path.display(), one_line(&error)))
            })?;
            figment = figment.merge(toml);
        }
        figment = figment.merge(
            Env::raw().only(&[DATABASE_URL]).map(|_| "database.url".into()).lowercase(false),
        );
        figment = figment
            .merge(Env::prefixed(PREFIX).filter(|key| !by_kubernetes(key.as_str())).split("__"));
        let config: Self = figment.extract().map_err(|error| Error::Value(one_line(&error)))?;
        config.check()?;
        Ok(config)
    }

    /// Every database that records are stored in: the shard's name, or none, who stores, and whose the tables are.
    pub fn databases(&self) -> Result<Vec<(&str, &DatabaseUrl, &DatabaseUrl)>, Error> {
        if self.shards.is_empty() {
            return Ok(vec![("", self.database.url()?, self.database.owner_url()?)]);
        }
        let each = self.shards.iter().map(|shard| {
            (shard.name.as_str(), &shard.url, shard.owner_url.as_ref().unwrap_or(&shard.url))
        });
        Ok(each.collect())
    }

    fn check(&self) -> Result<(), Error> {
        self.database.check()?;
        Shards::build(&self.shards)?;
        self.forward.check(self.shards.len())?;
        self.batch.check()?;
        self.lifecycle.check()?;
        self.retention.check()?;
        self.http.check()?;
        self.log.check()
    }
}

/// Whether Kubernetes put this variable (without our prefix) there, as it does for a Service named `trunkline-ingester`.
fn by_kubernetes(key: &str) -> bool {
    let key = key.to_ascii_uppercase();
    key == "PORT" || key.starts_with("PORT_") || key.starts_with("SERVICE_")
}

/// All that is wrong, without the values: one of them may be a password.
fn one_line(error: &figment::Error) -> String {
    let each = error.clone().into_iter().map(|error| {
        let reason = match &error.kind {
            Kind::UnknownField(_, known) => format!("unknown key; there are {}", known.join(", ")),
            Kind::InvalidType(_, expected) if expected.starts_with("struct ") => {
                "expected a table".to_owned()
            }
            Kind::InvalidType(_, expected) => format!("expected {expected}"),
            Kind::Message(message) => without_excerpt(message),
            kind => kind.to_string(),
        };
        let path = error.path.join(".");
        if path.is_empty() { reason } else { format!("{path}: {reason}") }
    });
    each.collect::<Vec<_>>().join("; ")
}

/// A TOML error in one line: without the excerpt of the file that it shows between bars.
fn without_excerpt(message: &str) -> String {
    let excerpt = |line: &&str| {
        line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()).starts_with('|')
    };
    let lines = message.lines().filter(|line| !line.trim().is_empty() && !excerpt(line));
    lines.map(str::trim).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(toml: &str) -> Result<Config, String> {
        Figment::from(Toml::string(toml)).extract().map_err(|error| one_line(&error))
    }

    #[test]
    fn the_sample_file_shows_the_defaults() {
        assert_eq!(parse(include_str!("../ingester.toml")), Ok(Config::default()));
    }

    #[test]
    fn the_manifest_for_kubernetes_holds_a_configuration() {
        let manifest = include_str!("../../deploy/kubernetes/ingester.yaml");
        let (_, file) = manifest.split_once("  ingester.toml: |\n").unwrap();
        let file: String = file
            .lines()
            .take_while(|line| *line != "---")
            .map(|line| format!("{line}\n"))
            .collect();
        let config = parse(&file).unwrap();
        assert_eq!(config.http.listen.port(), 8_080);
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = parse("[forward]\nlissten = \"x\"").unwrap_err();
        assert!(error.contains("lissten") && error.contains("listen"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }

    #[test]
    fn a_bad_value_names_its_setting() {
        let error = parse("[batch]\nage = \"soon\"").unwrap_err();
        assert!(error.contains("batch.age"), "{error}");
    }

    #[test]
    fn a_bad_database_url_is_not_repeated() {
        let error = parse("[database]\nurl = \"postgres://u:s3cret@host:port/db\"").unwrap_err();
        assert!(error.contains("database.url") && !error.contains("s3cret"), "{error}");
    }

    #[test]
    fn no_value_is_repeated() {
        for toml in [
            "[database]\nurl = \"postgres://u:s3cret@h/db\n",
            "database = \"postgres://u:s3cret@h/db\"",
            "[database]\nurl = [\"s3cret\"]",
            "[database]\nconnections = \"s3cret\"",
        ] {
            let error = parse(toml).unwrap_err();
            assert!(!error.contains("s3cret") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_bad_url_of_a_shard_is_named_and_not_repeated() {
        let error =
            parse("[[shards]]\nname = \"a\"\nurl = \"postgres://u:s3cret@h:x/d\"").unwrap_err();
        assert!(error.contains("shards") && error.contains("url"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
        assert!(parse("[[shards]]\nname = \"a\"").unwrap_err().contains("url"));
    }

    #[test]
    fn variables_of_a_kubernetes_service_are_not_settings() {
        for key in ["PORT", "PORT_24224_TCP_ADDR", "SERVICE_HOST", "SERVICE_PORT_FORWARD"] {
            assert!(by_kubernetes(key), "{key}");
        }
        assert!(!by_kubernetes("FORWARD__LISTEN"));
    }
}
