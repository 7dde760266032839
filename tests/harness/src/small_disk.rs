//! A disk of a server's own that a test fills up: a tmpfs in the directory of the server's instance.
//!
//! Full is what its size makes it: shrunk to what is used, the next block that the server asks for isn't there. It is unmounted, and so
//! gone, when the instance's directory is removed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::installation::{Installation, run};
use crate::instance::Instance;

/// The server may use blocks between the look at what is used and the shrinking.
const ATTEMPTS: usize = 50;

/// A mounted tmpfs.
#[derive(Debug)]
pub struct SmallDisk {
    mount: PathBuf,
    inside: PathBuf,
    mebibytes: u32,
}

impl SmallDisk {
    pub(crate) fn mount(
        installation: &Installation,
        instance: &Instance,
        mebibytes: u32,
    ) -> Result<Self> {
        instance.create_dir(installation, "disk")?;
        let mount = instance.directory().join("disk");
        let mut options = format!("size={mebibytes}m,mode=700");
        if let Some((user, group)) = installation.server_ids()? {
            options += &format!(",uid={user},gid={group}");
        }
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&mount))
            .context("a disk to fill up needs the right to mount a tmpfs")?;
        Ok(Self { inside: installation.inside(&mount), mount, mebibytes })
    }

    /// Its directory, as the server sees it: for `CREATE TABLESPACE`.
    pub fn inside(&self) -> &Path {
        &self.inside
    }

    /// Makes it full but for so many KiB.
    pub fn fill(&self, but: u64) -> Result<()> {
        for _ in 0..ATTEMPTS {
            if self.resize(&format!("{}k", self.df("used")? + but)).is_ok() {
                return Ok(());
            }
        }
        bail!("{} can't be made full", self.mount.display())
    }

    /// Bytes that are free on it.
    pub fn free_bytes(&self) -> Result<u64> {
        Ok(self.df("avail")? << 10)
    }

    /// What df says of it, in KiB.
    fn df(&self, column: &str) -> Result<u64> {
        let column = format!("--output={column}");
        let said = run(Command::new("df").args([&column, "-k"]).arg(&self.mount))?;
        let number = said.lines().last().unwrap_or_default().trim();
        number.parse().with_context(|| format!("df said {said:?}"))
    }

    /// Gives it its room back.
    pub fn make_room(&self) -> Result<()> {
        self.resize(&format!("{}m", self.mebibytes))
    }

    fn resize(&self, size: &str) -> Result<()> {
        let mut mount = Command::new("mount");
        mount.arg("-o").arg(format!("remount,size={size}")).arg(&self.mount);
        run(&mut mount).map(drop)
    }
}

/// Unmounts whatever is mounted below a directory.
pub(crate) fn unmount_below(directory: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for place in places.filter(|place| Path::new(place).starts_with(directory)) {
        // Lazily: what still uses it ends later.
        let _ = Command::new("umount").arg("-l").arg(place).status();
    }
}
