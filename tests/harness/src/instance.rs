//! The directory of one private server, and who owns it.
//!
//! `<instances>/<name>/` holds `owner.lock`, `server.log` and `data/`. The owner keeps a lock (flock) on `owner.lock` for its life; the kernel
//! gives it back however the owner ends. A directory whose lock is free is therefore a leftover, and the next start sweeps it away,
//! after ending the processes that still work in exactly its `data`.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::installation::{Installation, in_path};
use crate::procfs;
use crate::small_disk::unmount_below;

const MAKERS_LOCK: &str = "makers.lock";
const OWNER_LOCK: &str = "owner.lock";

/// A directory that is ours until it is dropped, when it is removed.
#[derive(Debug)]
pub struct Instance {
    name: String,
    directory: PathBuf,
    _owner: File,
}

impl Instance {
    /// Makes a directory that the installation's server may write to.
    pub fn create(installation: &Installation) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let instances = installation.instances_dir()?;
        let _makers = lock_makers(&instances)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}-{:08x}", std::process::id(), rand::random::<u32>());
        let directory = instances.join(&name);
        let context = || format!("make {}", directory.display());
        fs::create_dir(&directory).with_context(context)?;
        let owner = File::create(directory.join(OWNER_LOCK)).with_context(context)?;
        owner.lock().with_context(context)?;
        if let Some((user, group)) = installation.server_ids()? {
            chown(&directory, Some(user), Some(group)).with_context(context)?;
        }
        fs::set_permissions(&directory, Permissions::from_mode(0o755)).with_context(context)?;
        Ok(Self { name, directory, _owner: owner })
    }

    /// Makes a directory in it that the installation's server may write to.
    pub(crate) fn create_dir(&self, installation: &Installation, name: &str) -> Result<()> {
        let directory = self.directory.join(name);
        let context = || format!("make {}", directory.display());
        fs::create_dir(&directory).with_context(context)?;
        if let Some((user, group)) = installation.server_ids()? {
            chown(&directory, Some(user), Some(group)).with_context(context)?;
        }
        Ok(())
    }

    /// The directory's name, unique on this machine.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The server's data directory.
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// What the server prints before its own log begins.
    pub fn server_log(&self) -> PathBuf {
        self.directory.join("server.log")
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        remove(&self.directory);
    }
}

/// Removes what killed owners left behind, after ending what still runs in it.
pub fn sweep(installation: &Installation) -> Result<()> {
    let instances = installation.instances_dir()?;
    let _makers = lock_makers(&instances)?;
    let entries =
        fs::read_dir(&instances).with_context(|| format!("read {}", instances.display()))?;
    for directory in entries.flatten().map(|entry| entry.path()) {
        // Without an owner's lock it isn't ours to judge.
        let Ok(owner) = File::open(directory.join(OWNER_LOCK)) else { continue };
        if owner.try_lock().is_ok() {
            if let (Installation::Docker { .. }, Some(name)) = (installation, directory.file_name())
            {
                let mut docker = Command::new("docker");
                docker.args(["rm", "--force"]).arg(container(&name.to_string_lossy()));
                let _ = docker
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status();
            }
            end_processes(&directory.join("data"), Duration::from_secs(5));
            remove(&directory);
        }
    }
    Ok(())
}

/// The Docker container's name of an instance.
pub(crate) fn container(instance: &str) -> String {
    format!("trunkline-{instance}")
}

/// Ends every process that works in `data`: the postmaster by immediate shutdown, the rest by SIGKILL after `patience`.
pub(crate) fn end_processes(data: &Path, patience: Duration) {
    if let Some(postmaster) = postmaster_pid(data) {
        procfs::signal(postmaster, Signal::QUIT);
    }
    let deadline = Instant::now() + patience;
    loop {
        let pids = procfs::pids_working_in(data);
        if pids.is_empty() {
            return;
        }
        if Instant::now() >= deadline {
            for pid in pids {
                procfs::signal(pid, Signal::KILL);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The process that `postmaster.pid` names, if it really works in this data directory.
fn postmaster_pid(data: &Path) -> Option<u32> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid = text.lines().next()?.trim().parse().ok()?;
    procfs::pids_working_in(data).contains(&pid).then_some(pid)
}

/// One maker or sweeper at a time, so that no directory is seen before its owner holds its lock.
fn lock_makers(instances: &Path) -> Result<File> {
    let context = || format!("lock {}", instances.join(MAKERS_LOCK).display());
    fs::create_dir_all(instances).with_context(context)?;
    let lock = File::create(instances.join(MAKERS_LOCK)).with_context(context)?;
    lock.lock().with_context(context)?;
    Ok(lock)
}

fn remove(directory: &Path) {
    unmount_below(directory);
    remove_shared_memory(&directory.join("data"));
    for _ in 0..20 {
        match fs::remove_dir_all(directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                // Backends outlive a killed postmaster by a moment and may still write.
                std::thread::sleep(Duration::from_millis(100));
            }
            _ => return,
        }
    }
    eprintln!(
        "trunkline-harness: {} can't be removed; the next start tries again",
        directory.display()
    );
}

/// A killed postmaster leaves a System V segment of some bytes, which line 7 of `postmaster.pid` names: `key id`.
fn remove_shared_memory(data: &Path) {
    let Ok(text) = fs::read_to_string(data.join("postmaster.pid")) else { return };
    let segment = text.lines().nth(6).and_then(|line| line.split_whitespace().nth(1));
    if let (Some(segment), true) = (segment, in_path("ipcrm").is_some()) {
        let mut ipcrm = Command::new("ipcrm");
        let _ = ipcrm.args(["-m", segment]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}
