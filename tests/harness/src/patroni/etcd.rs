//! An etcd of one node, where Patroni keeps a cluster's state.

use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::container::Container;
use crate::installation::Installation;
use crate::instance::Instance;
use crate::ports::free_port;
use crate::supervisor::tail;

const START_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
/// A port that was free a moment ago may be taken when etcd binds it.
const ATTEMPTS: usize = 5;

/// A running or killed etcd; what it was told it still knows when it is started again.
#[derive(Debug)]
pub struct Etcd {
    process: Option<Container>,
    installation: Installation,
    instance: Instance,
    client_port: u16,
    peer_port: u16,
}

impl Etcd {
    pub(super) fn start(installation: &Installation) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            let instance = Instance::create(installation)?;
            let (client_port, peer_port) = (free_port()?, free_port()?);
            let installation = installation.clone();
            let mut etcd = Self { process: None, installation, instance, client_port, peer_port };
            match etcd.start_again() {
                Ok(()) => return Ok(etcd),
                Err(error) if etcd.log_tail().contains("address already in use") => drop(error),
                Err(error) => return Err(error),
            }
        }
        bail!("{ATTEMPTS} pairs of ports that were free were taken when etcd wanted them")
    }

    /// Its address for clients.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.client_port)
    }

    /// Starts it after it was killed; returns when it takes connections.
    pub fn start_again(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "etcd runs already");
        let (client, peer) = (
            format!("http://127.0.0.1:{}", self.client_port),
            format!("http://127.0.0.1:{}", self.peer_port),
        );
        let data = self.installation.inside(&self.instance.data());
        let mut command = self.installation.container("/usr/bin/etcd")?;
        command.arg("--data-dir").arg(data).arg("--unsafe-no-fsync");
        command.args(["--name=etcd", "--log-level=warn"]);
        command.arg(format!("--listen-client-urls={client}"));
        command.arg(format!("--advertise-client-urls={client}"));
        command.arg(format!("--listen-peer-urls={peer}"));
        command.arg(format!("--initial-advertise-peer-urls={peer}"));
        command.arg(format!("--initial-cluster=etcd={peer}"));
        let (log, directory) = (self.instance.server_log(), self.instance.directory());
        let mut process = Container::spawn(&command, &log, directory)?;
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.client_port)).is_err() {
            if let Some(status) = process.try_wait()? {
                bail!("etcd ended with {status}: {}", self.log_tail());
            }
            ensure!(
                Instant::now() < deadline,
                "etcd takes no connections after {START_TIMEOUT:?}: {}",
                self.log_tail()
            );
            std::thread::sleep(POLL);
        }
        self.process = Some(process);
        Ok(())
    }

    /// Ends it by SIGKILL.
    pub fn kill9(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.kill9().context("kill etcd")
    }

    pub(super) fn log_tail(&self) -> String {
        format!("--- etcd\n{}", tail(&self.instance.server_log(), 20))
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        if let Err(error) = self.kill9() {
            eprintln!("trunkline-harness: {error:#}");
        }
    }
}
