//! One program in namespaces of its own, as if in a container: what it starts ends with it.

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::procfs;
use crate::supervisor::{Orphan, Supervised};

/// SIGKILL works at once, unless a process hangs in the kernel.
const KILL_TIMEOUT: Duration = Duration::from_secs(20);

/// The program, which is the first process of its namespaces, under `unshare` that waits for it.
#[derive(Debug)]
pub(super) struct Container(Supervised);

impl Container {
    /// Starts what `Installation::container` made a command of. When we are killed, it is too, and `directory` is removed.
    pub fn spawn(command: &Command, log: &Path, directory: &Path) -> Result<Self> {
        let orphan = Orphan { signal: "KILL", rubbish: Some(directory) };
        Supervised::spawn(command, log, orphan).map(Self)
    }

    /// How it ended, if it has.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Sends the program SIGTERM and waits for its end.
    pub fn terminate(&mut self, timeout: Duration) -> Result<()> {
        self.signal(Signal::TERM, timeout)
    }

    /// Ends the program, and with it everything that it started, by SIGKILL; returns when all of it is gone.
    pub fn kill9(&mut self) -> Result<()> {
        self.signal(Signal::KILL, KILL_TIMEOUT)
    }

    fn signal(&mut self, signal: Signal, timeout: Duration) -> Result<()> {
        // `unshare` ends when the kernel gives it the program's status, which is after the last process of the namespaces has ended.
        let programs = procfs::children(self.0.pid());
        for program in &programs {
            procfs::signal(*program, signal);
        }
        if programs.is_empty() {
            self.0.signal(signal)?;
        }
        let ended = self.0.wait(timeout)?;
        ended.map(drop).with_context(|| format!("it has not ended {timeout:?} after {signal:?}"))
    }
}
