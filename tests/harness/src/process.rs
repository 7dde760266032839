//! Real processes that are asked, measured, killed, and never outlive us.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::Signal;

use crate::binary::Binary;
use crate::procfs;
use crate::supervisor::{Orphan, Supervised, tail};

/// Lines of the log that a failing test shows.
const TAIL_LINES: usize = 40;
const READY_POLL: Duration = Duration::from_millis(50);
/// SIGKILL works at once, unless the process hangs in the kernel.
const KILL_TIMEOUT: Duration = Duration::from_secs(20);

/// A running process whose output goes to a file. It is killed when this value is dropped, and when we die.
///
/// When a test panics, or the process has ended though nobody asked it to, dropping shows the end of its output.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    supervised: Supervised,
    asked_to_end: bool,
}

impl Process {
    /// Starts a command; its standard output and error are appended to `log`.
    pub fn spawn(command: &Command, log: &Path) -> Result<Self> {
        let program = Path::new(command.get_program());
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let supervised = Supervised::spawn(command, log, Orphan { signal: "KILL", rubbish: None })?;
        Ok(Self { name, log: log.to_owned(), supervised, asked_to_end: false })
    }

    /// Starts a service by `run --config FILE`.
    pub fn run(binary: Binary, config: &Path, log: &Path) -> Result<Self> {
        Self::spawn(&binary.run_command(config)?, log)
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.supervised.pid()
    }

    /// Waits until a URL of the process, such as `/health/ready`, answers with success; fails early when the process ends instead.
    pub async fn until_ready(&mut self, url: &str, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        loop {
            let problem = match reqwest::get(url).await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => {
                    format!("{}: {}", answer.status(), answer.text().await.unwrap_or_default())
                }
                Err(error) => format!("{:#}", anyhow!(error)),
            };
            if let Some(status) = self.try_wait()? {
                self.asked_to_end = true;
                bail!("{} ended with {status} before it was ready\n{}", self.name, self.log_tail());
            }
            if Instant::now() >= deadline {
                bail!(
                    "{} isn't ready after {timeout:?}: {problem}\n{}",
                    self.name,
                    self.log_tail()
                );
            }
            tokio::time::sleep(READY_POLL).await;
        }
    }

    /// How it ended, if it has; 128 plus the signal's number when a signal ended it.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        self.supervised.try_wait()
    }

    /// Waits for its end, blocking.
    pub fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        self.asked_to_end = true;
        let status = self.supervised.wait(timeout)?;
        status.with_context(|| {
            format!("{} has not ended in {timeout:?}\n{}", self.name, self.log_tail())
        })
    }

    /// Ends it by SIGKILL and waits for that.
    pub fn kill9(&mut self) -> Result<()> {
        self.asked_to_end = true;
        self.supervised.signal(Signal::KILL)?;
        self.wait(KILL_TIMEOUT).map(drop)
    }

    /// Asks it to end, by SIGTERM.
    pub fn terminate(&mut self) -> Result<()> {
        self.asked_to_end = true;
        self.supervised.signal(Signal::TERM)
    }

    /// Asks it to end, by SIGTERM, and waits for that.
    pub fn terminate_and_wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        self.terminate()?;
        self.wait(timeout)
    }

    /// CPU time so far, in seconds; an error once it has ended.
    pub fn cpu_seconds(&self) -> Result<f64> {
        Ok(procfs::cpu_ticks(self.pid())?.seconds())
    }

    /// The largest resident set so far, in bytes; an error once it has ended.
    pub fn peak_rss_bytes(&self) -> Result<u64> {
        procfs::peak_rss_bytes(self.pid())
    }

    /// The end of its output.
    pub fn log_tail(&self) -> String {
        format!("--- {} ({})\n{}", self.name, self.log.display(), tail(&self.log, TAIL_LINES))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let ended = self.try_wait().ok().flatten();
        if std::thread::panicking() || (ended.is_some() && !self.asked_to_end) {
            eprintln!("{}", self.log_tail());
        }
        if let Err(error) = self.kill9() {
            eprintln!("trunkline-harness: {error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::Process;

    const SOON: Duration = Duration::from_secs(10);

    fn spawn(script: &str, log: &std::path::Path) -> Process {
        let mut command = Command::new("bash");
        command.args(["-c", script]).env("WORD", "trunk");
        Process::spawn(&command, log).unwrap()
    }

    fn until_it_says(word: &str, process: &Process) {
        while !process.log_tail().lines().any(|line| line == word) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_process_is_asked_measured_and_killed() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");

        let mut polite = spawn(
            "trap 'echo bye $WORD; exit 7' TERM; echo up; while :; do sleep 0.05; done",
            &log,
        );
        until_it_says("up", &polite);
        assert!(polite.peak_rss_bytes().unwrap() > 1 << 20);
        assert!(polite.cpu_seconds().unwrap() >= 0.0);
        assert_eq!(polite.terminate_and_wait(SOON).unwrap().code(), Some(7));
        assert!(polite.log_tail().contains("bye trunk"));
        assert!(polite.cpu_seconds().is_err());

        let mut deaf = spawn("trap '' TERM; echo deaf; exec sleep 60", &log);
        until_it_says("deaf", &deaf);
        assert!(deaf.terminate_and_wait(Duration::from_millis(200)).is_err());
        let pid = deaf.pid();
        deaf.kill9().unwrap();
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());

        assert_eq!(spawn("exit 2", &log).wait(SOON).unwrap().code(), Some(2));
    }
}
