//! A child process that can't outlive us.
//!
//! Rust's destructors don't run when a process is killed, so each child gets a small shell as its parent, which holds a
//! pipe to us. When we are gone the pipe closes, and the shell ends the child. The shell has a process group of its own:
//! Ctrl-C reaches us alone, and we decide in which order things stop.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::procfs;

const SCRIPT: &str = include_str!("supervisor.sh");
const POLL: Duration = Duration::from_millis(10);

/// What the shell does with the child when we are gone.
pub(crate) struct Orphan<'a> {
    /// The signal that ends the child, by its name without `SIG`; after 10 s it is `KILL`.
    pub signal: &'a str,
    /// A directory to remove once the child has ended.
    pub rubbish: Option<&'a Path>,
}

/// A running or ended child under its shell.
#[derive(Debug)]
pub(crate) struct Supervised {
    shell: Child,
    pid: u32,
    ended: Option<ExitStatus>,
}

impl Supervised {
    /// Starts `command` with its standard output and error appended to `log`. The command's program, arguments,
    /// environment and working directory are kept; its standard input is empty.
    pub fn spawn(command: &Command, log: &Path, orphan: Orphan<'_>) -> Result<Self> {
        let what = || format!("start {:?}", command.get_program());
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("create {}", log.display()))?;
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "trunkline-supervisor"]).arg(log).arg(orphan.signal);
        shell.arg(orphan.rubbish.unwrap_or(Path::new("")));
        shell.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            shell.current_dir(directory);
        }
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut shell = shell.spawn().with_context(what)?;
        let mut line = String::new();
        let output = shell.stdout.take().with_context(what)?;
        BufReader::new(output).read_line(&mut line).with_context(what)?;
        let pid = line
            .trim()
            .parse()
            .with_context(|| format!("{}: the supervisor named no process", what()))?;
        Ok(Self { shell, pid, ended: None })
    }

    /// The child's process id: the real process, not the shell.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How the child ended, if it has: its code, or 128 plus the signal's number.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.shell.try_wait().context("wait for a supervised process")?;
        }
        Ok(self.ended)
    }

    /// Waits up to `timeout` for the child's end.
    pub fn wait(&mut self, timeout: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + timeout;
        loop {
            let status = self.try_wait()?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            std::thread::sleep(POLL);
        }
    }

    /// Sends a signal to the child unless it has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.try_wait()?.is_none() {
            procfs::signal(self.pid, signal);
        }
        Ok(())
    }
}

/// The last `lines` lines of a log file, for messages about what went wrong; an unreadable file gives the reason.
pub fn tail(log: &Path, lines: usize) -> String {
    /// Enough for a screen of lines; a log may be gigabytes long.
    const BYTES: u64 = 64 * 1024;
    let read = || -> std::io::Result<String> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
        let mut bytes = Vec::new();
        file.take(BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    match read() {
        Ok(text) => {
            let all: Vec<&str> = text.lines().collect();
            all[all.len().saturating_sub(lines)..].join("\n")
        }
        Err(error) => format!("({} can't be read: {error})", log.display()),
    }
}
