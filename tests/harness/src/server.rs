//! A private PostgreSQL server: made, started, stopped, killed, started again, and gone with its owner.

mod initialize;
mod standby;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{Advice, fadvise};
use rustix::process::Signal;

use self::initialize::initialize;
use crate::installation::{Installation, run};
use crate::instance::{self, Instance};
use crate::ports::free_port;
use crate::procfs;
use crate::settings::{Durability, Settings};
use crate::small_disk::SmallDisk;
use crate::supervisor::{Orphan, Supervised, tail};

/// Crash recovery of some GB of WAL fits in; a server that needs longer is broken.
const START_TIMEOUT: Duration = Duration::from_secs(120);
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// A port that was free a moment ago may be taken when the server binds it.
const PORT_ATTEMPTS: usize = 5;

/// How a server is asked to stop, as `pg_ctl stop -m` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMode {
    /// Waits until clients have gone.
    Smart,
    /// Disconnects clients, then writes a checkpoint.
    Fast,
    /// At once, like a crash: the next start recovers.
    Immediate,
}

/// A server of our own, in a data directory of its own, on loopback, with user `postgres` and trust authentication.
///
/// Its methods block, as the programs that they run do. It ends when it is dropped, and its data directory with it.
#[derive(Debug)]
pub struct PostgresServer {
    // Dropped in this order: the directory goes after the process.
    process: Option<Supervised>,
    installation: Installation,
    instance: Instance,
    port: u16,
}

impl PostgresServer {
    /// A private TimescaleDB store.
    pub fn store(durability: Durability) -> Result<Self> {
        Self::start(&Settings::store(durability))
    }

    /// A server whose csvlog is collected, from [`Settings::source`] and the settings given here.
    ///
    /// Beside trust for everybody, `intruder` needs a password that nobody knows and `outcast` is rejected: two ways to fail a login.
    pub fn source(settings: &[(&str, &str)]) -> Result<Self> {
        Self::start(
            &settings.iter().fold(Settings::source(), |all, (name, value)| all.with(name, value)),
        )
    }

    /// A server with these settings, from the first installation that suits.
    pub fn start(settings: &Settings) -> Result<Self> {
        // A source runs on what the store runs on, unless the store isn't ours.
        let external = crate::installation::external_url().is_some();
        let installation = Installation::find(settings.needs_timescaledb() || !external)?;
        Self::start_from(installation, settings)
    }

    /// A server with these settings, from this installation.
    pub fn start_from(installation: Installation, settings: &Settings) -> Result<Self> {
        instance::sweep(&installation)?;
        let instance = Instance::create(&installation)?;
        let mut server = Self { process: None, installation, instance, port: 0 };
        initialize(&server.installation, &server.instance, settings)
            .with_context(|| format!("initdb from the {}", server.installation.describe()))?;
        for _ in 0..PORT_ATTEMPTS {
            server.port = free_port()?;
            match server.start_again() {
                Ok(()) => return Ok(server),
                Err(error) if format!("{error:#}").contains("Address already in use") => {
                    fs::remove_file(server.instance.server_log())
                        .context("begin a new server.log")?;
                }
                Err(error) => return Err(error),
            }
        }
        bail!("{PORT_ATTEMPTS} ports that were free were taken when the server wanted them")
    }

    /// The URL of one of its databases; `postgres` is always there.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on 127.0.0.1; it stays the same when the server is started again.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The data directory, as this process sees it.
    pub fn data_dir(&self) -> PathBuf {
        self.instance.data()
    }

    /// The directory of the server's log files, for a server that has [`Settings::source`].
    pub fn log_dir(&self) -> PathBuf {
        self.instance.data().join("log")
    }

    /// The pattern of the csvlog files in [`Self::log_dir`].
    pub fn csvlog_glob(&self) -> String {
        self.log_dir().join("*.csv").display().to_string()
    }

    /// A disk of this size for a tablespace, to be filled up. Needs the right to mount.
    pub fn small_disk(&self, mebibytes: u32) -> Result<SmallDisk> {
        SmallDisk::mount(&self.installation, &self.instance, mebibytes)
    }

    /// Where the server's programs come from.
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// The end of what the server wrote to its own standard error.
    pub fn log_tail(&self) -> String {
        tail(&self.instance.server_log(), 30)
    }

    /// Starts the server again after it was stopped or killed, on its port and data directory; returns when it takes connections.
    pub fn start_again(&mut self) -> Result<()> {
        ensure!(!self.is_running()?, "the server on port {} runs already", self.port);
        if let Installation::Docker { .. } = self.installation {
            // Left by a killed server; in a container every postmaster is process 1, so it can't be told from the new one's.
            let _ = fs::remove_file(self.data_dir().join("postmaster.pid"));
        }
        let data = self.installation.inside(&self.data_dir());
        let mut command = self.installation.command("postgres", &self.docker_server())?;
        command.arg("-D").arg(data).arg("-p").arg(self.port.to_string());
        let orphan = Orphan { signal: "QUIT", rubbish: Some(self.instance.directory()) };
        self.process = Some(Supervised::spawn(&command, &self.instance.server_log(), orphan)?);
        self.wait_until_ready()
    }

    /// Stops the server; its data directory stays.
    pub fn stop(&mut self, mode: StopMode) -> Result<()> {
        let signal = match mode {
            StopMode::Smart => Signal::TERM,
            StopMode::Fast => Signal::INT,
            StopMode::Immediate => Signal::QUIT,
        };
        let Some(process) = &mut self.process else { return Ok(()) };
        process.signal(signal)?;
        if process.wait(STOP_TIMEOUT)?.is_none() {
            bail!(
                "the server on port {} has not stopped in {STOP_TIMEOUT:?}: {}",
                self.port,
                self.log_tail()
            );
        }
        self.process = None;
        Ok(())
    }

    /// Stops the server and starts it again.
    pub fn restart(&mut self, mode: StopMode) -> Result<()> {
        self.stop(mode)?;
        self.start_again()
    }

    /// The same, with nothing of the data directory left in the kernel's memory.
    pub fn restart_cold(&mut self) -> Result<()> {
        self.stop(StopMode::Fast)?;
        let mut directories = vec![self.data_dir()];
        while let Some(directory) = directories.pop() {
            let context = || format!("read {}", directory.display());
            for entry in fs::read_dir(&directory).with_context(context)? {
                let entry = entry.with_context(context)?;
                let kind = entry.file_type().with_context(context)?;
                if kind.is_dir() {
                    directories.push(entry.path());
                } else if kind.is_file() {
                    let file = fs::File::open(entry.path()).with_context(context)?;
                    // What isn't on disk yet stays.
                    file.sync_data().with_context(context)?;
                    fadvise(&file, 0, None, Advice::DontNeed).with_context(context)?;
                }
            }
        }
        self.start_again()
    }

    /// Kills the postmaster and all its children with SIGKILL, as the kernel's out-of-memory killer or a lost node does.
    pub fn kill9(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        if let Installation::Docker { .. } = self.installation {
            let mut docker = Command::new("docker");
            run(docker.args([
                "kill",
                "--signal=KILL",
                &instance::container(self.instance.name()),
            ]))?;
        } else {
            process.signal(Signal::KILL)?;
        }
        instance::end_processes(&self.data_dir(), Duration::ZERO);
        ensure!(
            process.wait(STOP_TIMEOUT)?.is_some(),
            "the killed server on port {} is still there",
            self.port
        );
        Ok(())
    }

    /// Whether the postmaster runs.
    pub fn is_running(&mut self) -> Result<bool> {
        match &mut self.process {
            Some(process) => Ok(process.try_wait()?.is_none()),
            None => Ok(false),
        }
    }

    /// The postmaster and all its children.
    pub fn pids(&self) -> Vec<u32> {
        procfs::pids_working_in(&self.data_dir())
    }

    /// CPU time of the server since it was last started: the postmaster, its ended children, its running children. In seconds.
    pub fn cpu_seconds(&self) -> Result<f64> {
        ensure!(self.process.is_some(), "the server on port {} doesn't run", self.port);
        // A child that ends between the listing and the reading is counted by the postmaster, read last.
        let postmaster = self.postmaster_pid()?;
        let mut seconds = 0.0;
        for pid in self.pids().into_iter().filter(|pid| *pid != postmaster) {
            seconds += procfs::cpu_ticks(pid).map_or(0.0, procfs::CpuTicks::seconds);
        }
        Ok(seconds + procfs::cpu_ticks(postmaster)?.seconds())
    }

    /// A client tool of the server's own version, such as `psql` or `pgbench`, with its host, port and user set by environment.
    /// It sees the server's file system, which may not be ours: files go in and out by standard input and output.
    pub fn tool(&self, name: &str) -> Result<Command> {
        let mut command = match &self.installation {
            Installation::Docker { .. } => {
                let mut command = Command::new("docker");
                let (port, container) = (self.port, instance::container(self.instance.name()));
                command.args([
                    "exec",
                    "--interactive",
                    "--env=PGHOST=127.0.0.1",
                    "--env=PGUSER=postgres",
                ]);
                command.arg(format!("--env=PGPORT={port}")).arg(container).arg(name);
                command
            }
            installation => installation.command(name, &[])?,
        };
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "postgres");
        Ok(command)
    }

    /// `psql` on one of its databases: no start-up file, stops at the first error.
    pub fn psql_command(&self, database: &str) -> Result<Command> {
        let mut command = self.tool("psql")?;
        command.args(["-X", "-v", "ON_ERROR_STOP=1", "-d", database]);
        Ok(command)
    }

    /// Runs SQL by `psql` and returns the rows as text: one a line, columns separated by `|`.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String> {
        let text = run(self.psql_command(database)?.args(["-A", "-t", "-q", "-c", sql]))?;
        Ok(text.trim_end_matches('\n').to_owned())
    }

    fn docker_server(&self) -> Vec<String> {
        let (port, directory) = (self.port, self.instance.directory().display());
        vec![
            format!("--name={}", instance::container(self.instance.name())),
            format!("--publish=127.0.0.1:{port}:{port}"),
            format!("--volume={directory}:{directory}"),
        ]
    }

    /// Waits for `ready` in `postmaster.pid`, which is what `pg_ctl --wait` does.
    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            if self.postmaster_line(7).is_ok_and(|state| state == "ready") {
                return Ok(());
            }
            if !self.is_running()? {
                self.process = None;
                bail!("the server on port {} didn't start: {}", self.port, self.log_tail());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!(
            "the server on port {} isn't ready after {START_TIMEOUT:?}: {}",
            self.port,
            self.log_tail()
        )
    }

    fn postmaster_pid(&self) -> Result<u32> {
        if let Installation::Docker { .. } = self.installation {
            let mut docker = Command::new("docker");
            docker.args([
                "inspect",
                "--format={{.State.Pid}}",
                &instance::container(self.instance.name()),
            ]);
            return run(&mut docker)?.trim().parse().context("the container's process id");
        }
        self.postmaster_line(0)?.parse().context("the first line of postmaster.pid")
    }

    /// A line of `postmaster.pid`, counted from 0, without the blanks that pad it; a file left by a killed server doesn't count.
    fn postmaster_line(&self, number: usize) -> Result<String> {
        let path = self.data_dir().join("postmaster.pid");
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let mut lines = text.lines();
        let pid: u32 =
            lines.clone().next().unwrap_or_default().trim().parse().context("postmaster.pid")?;
        let ours = match (&self.installation, &self.process) {
            (Installation::Docker { .. }, _) => true,
            (_, Some(process)) => process.pid() == pid,
            (_, None) => false,
        };
        ensure!(ours, "{} names process {pid}, which is not the one started", path.display());
        Ok(lines.nth(number).unwrap_or_default().trim().to_owned())
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Err(error) = self.stop(StopMode::Immediate).or_else(|_| self.kill9()) {
            eprintln!("trunkline-harness: {error:#}");
        }
    }
}
