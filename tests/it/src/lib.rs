//! Integration tests: real servers, real processes, and what a user would see of them.
//!
//! The tests are in `tests/it`; here is what they share, a whole pipeline to be set up, disturbed and asked.

mod sender;

pub use sender::{Answer, Sender, csvlog_record};

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;
use tokio_postgres::Client;
use trunkline_harness::{
    Binary, CollectorConfig, Database, IngesterConfig, Process, database, eventually,
    wait::eventually_true,
};

/// Longer than anything that works takes, also in a debug build on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Brings a database's schema up to date, by the command for it.
pub fn migrate(database: &Database) -> Result<()> {
    let directory = tempfile::tempdir().context("make a directory for a configuration")?;
    let config = IngesterConfig::new(database.url())?.write(directory.path())?;
    let output = Binary::Ingester.command()?.args(["migrate", "--config"]).arg(config).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "trunkline-ingester migrate: {said}");
    Ok(())
}

/// An ingester and a collector as processes, with a directory of their own.
pub struct Pipeline {
    url: String,
    ingester_config: IngesterConfig,
    collector_config: CollectorConfig,
    /// The ingester; none while it is killed.
    pub ingester: Option<Process>,
    /// The collector; none while it is killed.
    pub collector: Option<Process>,
    // Behind the processes, which print the ends of their logs when a test fails: fields are dropped in this order.
    directory: TempDir,
}

impl Pipeline {
    /// A pipeline into the database of this URL, nothing of it running. `configure` adds the files and whatever else differs.
    pub fn new(
        url: &str,
        configure: impl FnOnce(CollectorConfig) -> CollectorConfig,
    ) -> Result<Self> {
        let directory = tempfile::tempdir().context("make a directory for the pipeline")?;
        let ingester_config = IngesterConfig::new(url)?;
        let state = directory.path().join("state");
        let collector_config = CollectorConfig::new(&ingester_config.forward_address(), &state)?
            .set("source.namespace", "test")
            .set("source.cluster", "orders")
            .set("source.pod", "orders-0");
        let collector_config = configure(collector_config);
        Ok(Self {
            directory,
            url: url.to_owned(),
            ingester_config,
            collector_config,
            ingester: None,
            collector: None,
        })
    }

    /// The same with another setting of the ingester.
    pub fn ingester_setting(mut self, path: &str, value: impl Into<Value>) -> Self {
        self.ingester_config = self.ingester_config.set(path, value);
        self
    }

    /// The pipeline's own directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The collector's state.
    pub fn state_dir(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// Where the ingester takes Fluent Forward.
    pub fn forward_address(&self) -> String {
        self.ingester_config.forward_address()
    }

    /// Starts both.
    pub fn start(&mut self) -> Result<()> {
        self.start_ingester()?;
        self.start_collector()
    }

    /// Starts the ingester, again if it was killed.
    pub fn start_ingester(&mut self) -> Result<()> {
        let config = self.ingester_config.write(self.directory.path())?;
        let log = self.directory.path().join("ingester.log");
        self.ingester = Some(Process::run(Binary::Ingester, &config, &log)?);
        Ok(())
    }

    /// Starts the collector, again if it was killed.
    pub fn start_collector(&mut self) -> Result<()> {
        let config = self.collector_config.write(self.directory.path())?;
        let log = self.directory.path().join("collector.log");
        self.collector = Some(Process::run(Binary::Collector, &config, &log)?);
        Ok(())
    }

    /// A connection to the store.
    pub async fn connect(&self) -> Result<Client> {
        database::connect(&self.url).await
    }

    /// Waits until the sum of what is stored of all streams is `bytes`, and returns a connection.
    pub async fn stored(&self, bytes: u64) -> Result<Client> {
        let what = format!("{bytes} bytes to be stored");
        eventually(&what, PATIENCE, || async {
            let client = self.connect().await?;
            let sum = "SELECT coalesce(sum(position), 0)::bigint FROM log.stream";
            let stored: i64 = client.query_one(sum, &[]).await?.get(0);
            anyhow::ensure!(stored >= i64::try_from(bytes)?, "{stored} bytes are");
            Ok(Some(client))
        })
        .await
        .with_context(|| self.logs())
    }

    /// Waits until the ingester says that it is ready.
    pub async fn ready(&self) -> Result<()> {
        eventually_true("the ingester to be ready", PATIENCE, || async {
            Ok(reqwest::get(self.url("/health/ready")).await?.status().is_success())
        })
        .await
        .with_context(|| self.logs())
    }

    /// The URL of a path of the ingester's HTTP API.
    pub fn url(&self, path: &str) -> String {
        self.ingester_config.http_url(path)
    }

    /// What the ingester counts under this name, with its labels.
    pub async fn metric(&self, name: &str) -> Result<i64> {
        let text = reqwest::get(self.url("/metrics")).await?.text().await?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.with_context(|| format!("{name} in\n{text}"))?.parse()?)
    }

    /// The URL of a path of the collector's HTTP status.
    pub fn collector_url(&self, path: &str) -> String {
        self.collector_config.http_url(path)
    }

    /// The ends of both logs.
    pub fn logs(&self) -> String {
        let tail =
            |process: &Option<Process>| process.as_ref().map(Process::log_tail).unwrap_or_default();
        format!("{}\n{}", tail(&self.ingester), tail(&self.collector))
    }
}
