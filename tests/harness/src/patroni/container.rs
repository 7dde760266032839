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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, Instant};

    use rustix::process::Signal;

    use super::Container;
    use crate::installation::Installation;
    use crate::instance::Instance;
    use crate::procfs;

    const SOON: Duration = Duration::from_secs(20);

    fn until(what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + SOON;
        while !condition() {
            assert!(Instant::now() < deadline, "waited {SOON:?} for {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_program_ends_with_whoever_waits_for_it() {
        let installation = Installation::root_file_system().unwrap();
        let instance = Instance::create(&installation).unwrap();
        let mut command = installation.container("/usr/bin/sleep").unwrap();
        command.arg("1000");
        let container =
            Container::spawn(&command, &instance.server_log(), instance.directory()).unwrap();
        let unshare = container.0.pid();
        let name = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/comm"));
        until("sleep", || {
            procfs::children(unshare)
                .iter()
                .any(|pid| name(*pid).is_ok_and(|name| name == "sleep\n"))
        });
        let program = procfs::children(unshare)[0];
        procfs::signal(unshare, Signal::KILL);
        until("sleep to end", || !Path::new(&format!("/proc/{program}")).exists());
    }
}
