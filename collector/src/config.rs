//! All settings of the collector: a TOML file, every key also by environment
//! (`TRUNKLINE_COLLECTOR_SHIP__ADDRESS=…`, two underscores between levels).
//!
//! Unknown keys are refused, and what can be known to be wrong is refused here, before anything is
//! opened. `collector.toml` beside the crate is the commented sample; a test keeps it true.

mod compatible;
mod error;
mod files;
mod kubernetes;
mod patroni;
mod secret;
mod ship;
mod source;
mod spool;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bytesize::ByteSize;
use figment::{
    Figment,
    providers::{Env, Format as _, Toml},
};
use serde::{Deserialize, Serialize};

use crate::discover::selector::Selector;

pub use compatible::{CompatibleConfig, Mode, PlainCompression};
pub use error::ConfigError;
pub use files::{Files, FilesConfig};
pub use kubernetes::{Api, KubernetesConfig, SelectConfig};
pub use patroni::PatroniConfig;
pub use secret::Secret;
pub use ship::{Addresses, ShipCompression, ShipConfig, TlsConfig};
pub use source::{SourceConfig, host_name};
pub use spool::{SpoolConfig, WhenFull};

/// What the environment's names begin with.
pub const ENV_PREFIX: &str = "TRUNKLINE_COLLECTOR_";

/// The effective settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the checkpoint and the lock file live; made if absent.
    pub state_dir: PathBuf,
    /// How long a stopping collector waits for acknowledgements.
    #[serde(with = "humantime_serde")]
    pub shutdown_grace: Duration,
    /// Where the logs come from; sent with every forward chunk.
    pub source: SourceConfig,
    /// Where the role of the moment comes from.
    pub patroni: PatroniConfig,
    /// Collecting from all pods of a node.
    pub kubernetes: KubernetesConfig,
    /// Which files are read, and how.
    pub files: Vec<FilesConfig>,
    /// Where forward chunks go.
    pub ship: ShipConfig,
    /// Where they wait when their files may go before that.
    pub spool: SpoolConfig,
    /// How large and how old a forward chunk gets.
    pub chunk: ChunkConfig,
    /// How files are watched, read and let go.
    pub tail: TailConfig,
    /// The status endpoint.
    pub http: HttpConfig,
    /// The collector's own log, on standard error.
    pub log: LogConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_dir: "/var/lib/trunkline-collector".into(),
            shutdown_grace: Duration::from_secs(10),
            source: SourceConfig::default(),
            patroni: PatroniConfig::default(),
            kubernetes: KubernetesConfig::default(),
            files: Vec::new(),
            ship: ShipConfig::default(),
            spool: SpoolConfig::default(),
            chunk: ChunkConfig::default(),
            tail: TailConfig::default(),
            http: HttpConfig::default(),
            log: LogConfig::default(),
        }
    }
}

/// `[chunk]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChunkConfig {
    /// A forward chunk is closed when its entries, before compression, reach this size.
    pub bytes: ByteSize,
    /// A record waits at most this long in a file that keeps growing.
    #[serde(with = "humantime_serde")]
    pub age: Duration,
}

impl Default for ChunkConfig {
    fn default() -> Self {
        Self { bytes: ByteSize::mib(1), age: Duration::from_millis(500) }
    }
}

/// `[tail]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TailConfig {
    /// How changes are noticed.
    pub watch: WatchMode,
    /// How often open files are looked at when nothing announced a change.
    #[serde(with = "humantime_serde")]
    pub poll_interval: Duration,
    /// A record that another line could continue is whole when none has come for this long.
    #[serde(with = "humantime_serde")]
    pub record_pause: Duration,
    /// How much is read at once.
    pub read_buffer: ByteSize,
    /// The longest record that is taken whole; a longer one is rejected. With `chunk.bytes` it must stay
    /// below what the ingester takes in one message (32 MiB).
    pub max_record: ByteSize,
    /// How many files are held open at the same time.
    pub open_files: usize,
    /// When a file that newer ones have replaced is taken to be complete: idle for this long.
    #[serde(with = "humantime_serde")]
    pub finished_after: Duration,
    /// When the position of a file that is gone is forgotten.
    #[serde(with = "humantime_serde")]
    pub forget_after: Duration,
}

impl Default for TailConfig {
    fn default() -> Self {
        Self {
            watch: WatchMode::Auto,
            poll_interval: Duration::from_millis(250),
            record_pause: Duration::from_secs(1),
            read_buffer: ByteSize::kib(256),
            max_record: ByteSize::mib(24),
            open_files: 256,
            finished_after: Duration::from_secs(5 * 60),
            forget_after: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}

/// `tail.watch`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WatchMode {
    /// By file events where the system has them, and by looking.
    Auto,
    /// By looking alone: for places whose changes are made elsewhere, such as NFS.
    Poll,
}

/// `[http]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// `address:port` of `/metrics` and `/health/*`; empty switches them off.
    pub listen: String,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8081".into() }
    }
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// A level (`error`, `warn`, `info`, `debug`, `trace`), or a filter such as `info,trunkline_collector::ship=debug`.
    pub level: String,
    /// How lines are written.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Text }
    }
}

/// `log.format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One readable line an event.
    Text,
    /// One JSON object an event.
    Json,
}

impl Config {
    /// Reads `file`, puts the environment's values over it, and checks the result.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
        let environment = Env::prefixed(ENV_PREFIX).filter(|key| !of_a_service(key.as_str()));
        Self::extract(Figment::from(Toml::string(&text)).merge(environment.split("__")), file)
    }

    /// Takes the settings out of `figment` and checks them; `file` is where most of them come from, for messages.
    pub fn extract(figment: Figment, file: &Path) -> Result<Self, ConfigError> {
        let config: Self = figment.extract().map_err(|error| ConfigError::invalid(file, error))?;
        config.check().map_err(|(key, problem)| ConfigError::Refused {
            file: file.to_owned(),
            key: key.into(),
            problem,
        })?;
        Ok(config)
    }

    /// The `[[files]]` sections, checked; `file` is the configuration's, for the message.
    pub fn files(&self, file: &Path) -> Result<Vec<Files>, ConfigError> {
        self.files.iter().map(FilesConfig::build).collect::<Result<_, _>>().map_err(
            |(key, problem)| ConfigError::Refused {
                file: file.to_owned(),
                key: key.into(),
                problem,
            },
        )
    }

    /// `[kubernetes]`, checked: which containers' logs are read, and the section that stands for all of
    /// them; `file` is the configuration's, for the message.
    pub fn pod_logs(&self, file: &Path) -> Result<(Vec<Selector>, Files), ConfigError> {
        let selectors = self.kubernetes.selectors().map_err(|(key, problem)| {
            ConfigError::Refused { file: file.to_owned(), key: key.into(), problem }
        })?;
        Ok((selectors, self.kubernetes.files()))
    }

    /// What the types alone can't refuse: the first key that is wrong, and why.
    fn check(&self) -> Result<(), (&'static str, String)> {
        let refuse = |key, problem: &str| Err((key, problem.to_owned()));
        if self.files.is_empty() && !self.kubernetes.enabled {
            return refuse("files", "no [[files]] section: nothing to collect");
        }
        self.patroni.check()?;
        self.kubernetes.check()?;
        for files in &self.files {
            files.check()?;
        }
        self.ship.check()?;
        if !self.http.listen.is_empty() && self.http.listen.parse::<std::net::SocketAddr>().is_err()
        {
            return Err((
                "http.listen",
                format!("{:?} is not address:port, and not empty", self.http.listen),
            ));
        }
        within("chunk.bytes", self.chunk.bytes, ByteSize::kib(4), ByteSize::mib(16))?;
        within("ship.window", self.ship.window, ByteSize::kib(64), ByteSize::gib(4))?;
        self.spool.check(self.ship.window)?;
        within("tail.read_buffer", self.tail.read_buffer, ByteSize::kib(4), ByteSize::mib(64))?;
        within("tail.max_record", self.tail.max_record, self.tail.read_buffer, ByteSize::gib(1))?;
        if self.tail.open_files == 0 {
            return refuse("tail.open_files", "must be at least 1");
        }
        for (key, duration) in [
            ("ship.connect_timeout", self.ship.connect_timeout),
            ("ship.ack_timeout", self.ship.ack_timeout),
            ("ship.backoff_max", self.ship.backoff_max),
            ("chunk.age", self.chunk.age),
            ("tail.poll_interval", self.tail.poll_interval),
            ("tail.record_pause", self.tail.record_pause),
        ] {
            if duration < Duration::from_millis(1) {
                return refuse(key, "must be at least 1ms");
            }
        }
        if let Err(error) = self.log.level.parse::<tracing_subscriber::EnvFilter>() {
            return Err(("log.level", format!("{:?}: {error}", self.log.level)));
        }
        Ok(())
    }
}

/// Kubernetes puts `<NAME>_SERVICE_HOST`, `<NAME>_PORT` and so on into every pod beside a Service; one
/// named `trunkline-collector` would give keys that nobody has set.
fn of_a_service(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["service_host", "service_port", "port"].iter().any(|start| key.starts_with(start))
}

fn within(
    key: &'static str,
    value: ByteSize,
    least: ByteSize,
    most: ByteSize,
) -> Result<(), (&'static str, String)> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err((key, format!("{value} is not between {least} and {most}")))
    }
}

#[cfg(test)]
mod tests;
