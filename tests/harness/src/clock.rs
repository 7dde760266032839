//! A clock of its own for a process: a test sets it forward and back while the process runs, as an administrator or NTP would.
//!
//! libfaketime answers in the system's place when the process asks for the time of day. What measures durations (`CLOCK_MONOTONIC`) is left
//! alone, and so are the times of files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::installation::set_up;

/// A clock that differs from the system's by what was set last.
#[derive(Debug)]
pub struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    /// A clock that is right. `file` holds what it is set to; libfaketime is installed where it is missing.
    pub fn new(file: PathBuf) -> Result<Self> {
        let library = match library() {
            Some(library) => library,
            None => {
                set_up(&["libfaketime"])?;
                library().context("libfaketime isn't in /usr/lib/*/faketime: install it")?
            }
        };
        let clock = Self { library, file };
        clock.set(0)?;
        Ok(clock)
    }

    /// Sets it so many seconds before (negative) or after the system's clock.
    pub fn set(&self, seconds: i64) -> Result<()> {
        // It may be read at any moment, and an empty file would say nothing.
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{seconds:+}\n"))
            .and_then(|()| fs::rename(&new, &self.file))
            .with_context(|| format!("set the clock {}", self.file.display()))
    }

    /// Runs what `command` runs under this clock. The process has the same id that it would have had.
    pub fn command(&self, command: &Command) -> Command {
        let mut under = Command::new("env");
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => under.env(name, value),
                None => under.env_remove(name),
            };
        }
        // Not to the shell that supervises the process.
        under.arg(format!("LD_PRELOAD={}", self.library.display()));
        under.arg(format!("FAKETIME_TIMESTAMP_FILE={}", self.file.display()));
        under.args(["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"]);
        under.arg(command.get_program()).args(command.get_args());
        under
    }

    /// Removes what libfaketime leaves behind of a process that was killed; a later process of the same id couldn't start.
    pub fn forget(pid: u32) {
        for name in [format!("faketime_shm_{pid}"), format!("sem.faketime_sem_{pid}")] {
            // Gone already, unless it was killed.
            let _ = fs::remove_file(Path::new("/dev/shm").join(name));
        }
    }
}

fn library() -> Option<PathBuf> {
    let directories = fs::read_dir("/usr/lib").ok()?.flatten();
    directories
        .map(|directory| directory.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::Process;

    #[test]
    fn a_running_processs_clock_goes_back_and_forth() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let clock = Clock::new(directory.path().join("clock")).unwrap();
        let mut command = Command::new("bash");
        command.args(["-c", "while :; do printf '%(%s)T\\n'; sleep 0.2; done"]);
        let mut process = Process::spawn(&clock.command(&command), &log).unwrap();
        for seconds in [0, -86_400, 3_600] {
            clock.set(seconds).unwrap();
            let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs().cast_signed();
            let is_there = |line: &str| {
                line.parse::<i64>().is_ok_and(|said| (0..600).contains(&(said - now - seconds)))
            };
            while !process.log_tail().lines().last().is_some_and(is_there) {
                assert!(process.try_wait().unwrap().is_none(), "{}", process.log_tail());
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        process.kill9().unwrap();
        Clock::forget(process.pid());
        let left = Path::new("/dev/shm").join(format!("faketime_shm_{}", process.pid()));
        assert!(!left.exists());
    }
}
