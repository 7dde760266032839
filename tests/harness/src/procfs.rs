//! What Linux says about processes: `/proc`, read as proc(5) describes it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// One process's CPU time in clock ticks: its own, and that of its children that have ended and been waited for.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTicks {
    /// User and system time of the process itself.
    pub own: u64,
    /// User and system time of ended children.
    pub ended_children: u64,
}

impl CpuTicks {
    /// Own time and that of ended children, in seconds.
    pub fn seconds(self) -> f64 {
        (self.own + self.ended_children) as f64 / rustix::param::clock_ticks_per_second() as f64
    }
}

/// The CPU time of a process that still exists.
pub fn cpu_ticks(pid: u32) -> Result<CpuTicks> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    // The second field, the command in parentheses, may hold spaces: count from its end. `state` is field 3.
    let (_, rest) = stat.rsplit_once(')').with_context(|| format!("{path} has no command"))?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ticks = |number: usize| -> Result<u64> {
        let field =
            fields.get(number - 3).with_context(|| format!("{path} has no field {number}"))?;
        field.parse().with_context(|| format!("field {number} of {path}"))
    };
    Ok(CpuTicks { own: ticks(14)? + ticks(15)?, ended_children: ticks(16)? + ticks(17)? })
}

/// The largest resident set that a process has had, in bytes (`VmHWM`).
pub fn peak_rss_bytes(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|value| value.trim().strip_suffix("kB"))
        .with_context(|| format!("{path} has no VmHWM"))?;
    Ok(kilobytes.trim().parse::<u64>().with_context(|| format!("VmHWM of {path}"))? * 1024)
}

/// The processes whose working directory is `directory`. PostgreSQL's postmaster and all its children stay in their
/// data directory, so this finds exactly the processes of one instance, whoever their parent is by now.
pub fn pids_working_in(directory: &Path) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    processes
        .flatten()
        .filter(|process| {
            fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == directory)
        })
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .collect()
}

/// The processes that a process has started and that have not ended.
pub fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = fs::read_to_string(path).unwrap_or_default();
    children.split_ascii_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// Sends a signal to a process; one that is gone already is no error.
pub fn signal(pid: u32, signal: rustix::process::Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        // ESRCH, the only error that a process of ours can give, means that it has ended.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Lets this process, and those that it starts from now on, have as many files and sockets open as the system allows.
pub fn raise_open_files() -> Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("raise the limit of open files")
}
