//! One member of a Patroni cluster: Patroni as the first process of its namespaces, and the PostgreSQL that it runs.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::container::Container;
use super::etcd::Etcd;
use super::settings::{MemberSettings, PATRONI_LOGS, POSTGRES_LOGS, Place};
use crate::installation::{Installation, ROOTFS_BIN};
use crate::instance::Instance;
use crate::ports::free_port;
use crate::procfs;
use crate::supervisor::tail;

const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// A switchover answers when it is done.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
const CONFIGURATION: &str = "patroni.yml";

/// A running or ended member; its directory stays until it is dropped.
#[derive(Debug)]
pub struct Member {
    process: Option<Container>,
    installation: Installation,
    instance: Instance,
    name: String,
    rest_port: u16,
    postgres_port: u16,
}

impl Member {
    pub(super) fn start(
        installation: &Installation,
        cluster: &str,
        name: String,
        settings: MemberSettings,
        etcd: &Etcd,
    ) -> Result<Self> {
        let instance = Instance::create(installation)?;
        let (rest_port, postgres_port) = (free_port()?, free_port()?);
        let place = Place {
            cluster,
            name: &name,
            etcd: &etcd.address(),
            directory: &installation.inside(instance.directory()),
            bin: ROOTFS_BIN,
            rest_port,
            postgres_port,
        };
        // Neither makes a directory for its log.
        for logs in [PATRONI_LOGS, POSTGRES_LOGS] {
            instance.create_dir(installation, logs)?;
        }
        let path = instance.directory().join(CONFIGURATION);
        fs::write(&path, place.patroni_yml(&settings))
            .with_context(|| format!("write {}", path.display()))?;
        let installation = installation.clone();
        let mut member =
            Self { process: None, installation, instance, name, rest_port, postgres_port };
        member.start_again()?;
        Ok(member)
    }

    /// Starts it after it was stopped or killed. Doesn't wait for anything.
    pub fn start_again(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "{} runs already", self.name);
        let configuration = self.instance.directory().join(CONFIGURATION);
        let mut command = self.installation.container("/usr/bin/patroni")?;
        command.arg(self.installation.inside(&configuration));
        let (log, directory) = (self.instance.server_log(), self.instance.directory());
        self.process = Some(Container::spawn(&command, &log, directory)?);
        Ok(())
    }

    /// Ends all its processes by SIGKILL at once, as when its node is lost.
    pub fn kill9(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.kill9().with_context(|| format!("kill {}", self.name))
    }

    /// Asks Patroni to end, by SIGTERM as a pod's end does; it stops its PostgreSQL.
    pub fn stop(&mut self) -> Result<()> {
        let Some(process) = &mut self.process else { return Ok(()) };
        process
            .terminate(STOP_TIMEOUT)
            .with_context(|| format!("stop {}\n{}", self.name, self.log_tail()))?;
        self.process = None;
        Ok(())
    }

    /// The member's name in the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The directory of `patroni.log` and its rotated predecessors.
    pub fn patroni_logs(&self) -> PathBuf {
        self.instance.directory().join(PATRONI_LOGS)
    }

    /// The directory of PostgreSQL's log files.
    pub fn postgres_logs(&self) -> PathBuf {
        self.instance.directory().join(POSTGRES_LOGS)
    }

    /// The processes of its PostgreSQL.
    pub fn postgres_pids(&self) -> Vec<u32> {
        procfs::pids_working_in(&self.instance.data())
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.postgres_port)
    }

    /// The URL of a path of Patroni's REST API.
    pub fn rest_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.rest_port)
    }

    /// What the REST API answers, whatever its status.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let answer = reqwest::get(self.rest_url(path)).await?;
        Ok(answer.json().await?)
    }

    /// Posts a request and returns the answer's text; an error when it is not a success.
    pub async fn post(&self, path: &str, body: &Value) -> Result<String> {
        let request = reqwest::Client::new().post(self.rest_url(path)).json(body);
        let answer = request.timeout(ANSWER_TIMEOUT).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path} of {}: {status}: {text}", self.name);
        Ok(text)
    }

    pub(super) fn log_tail(&self) -> String {
        let patroni = tail(&self.patroni_logs().join("patroni.log"), 30);
        format!("--- {}\n{}\n{patroni}", self.name, tail(&self.instance.server_log(), 30))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Err(error) = self.kill9() {
            eprintln!("trunkline-harness: {error:#}");
        }
    }
}
