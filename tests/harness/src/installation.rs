//! Where PostgreSQL and TimescaleDB come from on this machine.
//!
//! Four ways, in this order: the server that `TRUNKLINE_DATABASE_URL` names ([`external_url`]), an installation on this machine that has
//! TimescaleDB, a Debian root file system that `deploy/dev/rootfs.sh` makes, Docker's image. An installation lends its programs only:
//! each private server has a data directory of its own, and a system's cluster is never looked at.

mod local;

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Names a server that is used as the store instead of a private one.
pub const DATABASE_URL: &str = "TRUNKLINE_DATABASE_URL";
/// Names the directory of the root file system and of private data directories.
pub const CACHE_DIR: &str = "TRUNKLINE_CACHE_DIR";

/// The root file system's directory in the cache: a new recipe in `rootfs.sh` gets a new name.
const ROOTFS: &str = "trixie-pg17-2";
pub(crate) const ROOTFS_BIN: &str = "/usr/lib/postgresql/17/bin";
/// The same of others, with an older PostgreSQL, and with a newer one and a newer TimescaleDB.
const ROOTFS_15: &str = "bookworm-pg15-1";
const ROOTFS_15_BIN: &str = "/usr/lib/postgresql/15/bin";
const ROOTFS_18: &str = "sid-pg18-1";
const ROOTFS_18_BIN: &str = "/usr/lib/postgresql/18/bin";
const IMAGE: &str = "timescale/timescaledb:latest-pg17";

/// Programs of one PostgreSQL version, and how to run them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installation {
    /// Installed on this machine.
    Local {
        /// The directory of `postgres`, `initdb` and the client tools.
        bin: PathBuf,
    },
    /// In a root file system that `chroot` enters; needs root.
    RootFs {
        /// The root file system.
        root: PathBuf,
    },
    /// In a Docker image.
    Docker {
        /// The image's name.
        image: String,
    },
}

/// The server to use instead of a private one, if the environment names one.
pub fn external_url() -> Option<String> {
    env::var(DATABASE_URL).ok().filter(|url| !url.is_empty())
}

/// The directory for what is kept between runs: `TRUNKLINE_CACHE_DIR`, else `/var/cache/trunkline` for root, else the user's cache.
pub fn cache_dir() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let directory = if let Some(directory) = set(CACHE_DIR) {
        directory
    } else if is_root() {
        PathBuf::from("/var/cache/trunkline")
    } else if let Some(cache) = set("XDG_CACHE_HOME") {
        cache.join("trunkline")
    } else {
        set("HOME").context("neither TRUNKLINE_CACHE_DIR nor HOME is set")?.join(".cache/trunkline")
    };
    fs::create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
    // /proc names processes' directories without symbolic links, and they are compared.
    directory.canonicalize().with_context(|| format!("resolve {}", directory.display()))
}

/// Has these Debian packages installed, as `deploy/dev/setup.sh` does; where they are, it does nothing.
pub fn set_up(packages: &[&str]) -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/dev/setup.sh");
    let output = Command::new(&script).args(packages).output().context("run setup.sh")?;
    ensure!(
        output.status.success(),
        "{}: {}",
        script.display(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl Installation {
    /// The first of the ways that this machine offers; makes the root file system when it comes to that.
    ///
    /// A server that needs no TimescaleDB (a source beside an external store) is content with any local PostgreSQL from 14 on.
    pub fn find(needs_timescaledb: bool) -> Result<Self> {
        if let Some(bin) = local::newest_bin(needs_timescaledb) {
            return Ok(Self::Local { bin });
        }
        if can_make_rootfs()? {
            return Self::root_file_system();
        }
        if answers(Command::new("docker").args(["version", "--format", "{{.Server.Version}}"])) {
            return Ok(Self::Docker { image: IMAGE.to_owned() });
        }
        bail!(
            "no TimescaleDB to be had: set {DATABASE_URL} to a server's URL, \
             or install TimescaleDB beside a PostgreSQL of this machine, \
             or run as root on a Debian-like machine (a root file system is made then, see deploy/dev), \
             or start a Docker engine (image {IMAGE})"
        )
    }

    /// The root file system, for what the others may lack: Patroni, etcd, a locale for each language. Made when it isn't there.
    pub fn root_file_system() -> Result<Self> {
        ensure!(
            can_make_rootfs()?,
            "Patroni, etcd and all locales are in the root file system alone, \
             and only root on a Debian-like machine can make and enter it (see deploy/dev)"
        );
        let root = cache_dir()?.join(ROOTFS);
        make_rootfs(&root, &[])?;
        Ok(Self::RootFs { root })
    }

    /// The oldest PostgreSQL that the store may be, 15, and the newest, 18 with the newest TimescaleDB that Debian has: for tests that
    /// are run now and then.
    pub fn oldest_and_newest() -> Result<[Self; 2]> {
        ensure!(can_make_rootfs()?, "they are in root file systems, see deploy/dev");
        let make = |name: &str, version: &str| -> Result<Self> {
            let root = cache_dir()?.join(name);
            make_rootfs(&root, &[version])?;
            Ok(Self::RootFs { root })
        };
        Ok([make(ROOTFS_15, "15")?, make(ROOTFS_18, "18")?])
    }

    /// A short name for messages.
    pub fn describe(&self) -> String {
        match self {
            Self::Local { bin } => format!("local installation {}", bin.display()),
            Self::RootFs { root } => format!("root file system {}", root.display()),
            Self::Docker { image } => format!("Docker image {image}"),
        }
    }

    /// The directory under which private data directories are made, as this process sees it.
    pub(crate) fn instances_dir(&self) -> Result<PathBuf> {
        Ok(match self {
            Self::RootFs { root } => root.join("srv/trunkline"),
            Self::Local { .. } | Self::Docker { .. } => cache_dir()?.join("instances"),
        })
    }

    /// A path of this process as the server's programs see it.
    pub fn inside(&self, path: &Path) -> PathBuf {
        match self {
            Self::RootFs { root } => match path.strip_prefix(root) {
                Ok(path) => Path::new("/").join(path),
                Err(_) => path.to_owned(),
            },
            Self::Local { .. } | Self::Docker { .. } => path.to_owned(),
        }
    }

    /// The user and group that the server runs as, when they aren't ours: postgres refuses to be root.
    pub(crate) fn server_ids(&self) -> Result<Option<(u32, u32)>> {
        if !is_root() {
            return Ok(None);
        }
        let ids = match self {
            Self::RootFs { root } => passwd_ids(&root.join("etc/passwd"), "postgres")?,
            Self::Local { .. } => {
                let passwd = Path::new("/etc/passwd");
                passwd_ids(passwd, "postgres").or_else(|_| passwd_ids(passwd, "nobody"))?
            }
            Self::Docker { image } => {
                let id = |flag: &str| -> Result<u32> {
                    let mut docker = Command::new("docker");
                    docker.args(["run", "--rm", "--entrypoint", "id", image, flag, "postgres"]);
                    let text = run(&mut docker)?;
                    text.trim()
                        .parse()
                        .with_context(|| format!("`id {flag} postgres` in {image} said {text:?}"))
                };
                (id("-u")?, id("-g")?)
            }
        };
        Ok(Some(ids))
    }

    /// A command for one of the installation's programs, run as the server's user.
    ///
    /// `docker` holds the arguments of `docker run` beside the user; other installations don't look at it.
    pub(crate) fn command(&self, program: &str, docker: &[String]) -> Result<Command> {
        let ids = self.server_ids()?;
        let as_user = |root: &Path, bin: &Path| match ids {
            Some((user, group)) => {
                let mut command = Command::new("chroot");
                command.arg(format!("--userspec={user}:{group}")).arg(root).arg(bin.join(program));
                command
            }
            None => Command::new(bin.join(program)),
        };
        let mut command = match self {
            Self::Local { bin } => as_user(Path::new("/"), bin),
            Self::RootFs { root } if root.ends_with(ROOTFS_15) => {
                as_user(root, Path::new(ROOTFS_15_BIN))
            }
            Self::RootFs { root } if root.ends_with(ROOTFS_18) => {
                as_user(root, Path::new(ROOTFS_18_BIN))
            }
            Self::RootFs { root } => as_user(root, Path::new(ROOTFS_BIN)),
            Self::Docker { image } => {
                let mut command = Command::new("docker");
                command.args(["run", "--rm", "--interactive"]);
                match ids {
                    Some((user, group)) => command.arg(format!("--user={user}:{group}")),
                    // initdb wants a name for its user.
                    None => command
                        .arg(format!("--user={}", own_ids()))
                        .arg("--volume=/etc/passwd:/etc/passwd:ro"),
                };
                command.args(docker).arg(format!("--entrypoint={program}")).arg(image);
                command
            }
        };
        clean_environment(&mut command);
        Ok(command)
    }

    /// The same for any program of the root file system, in namespaces of its own as if in a container: whatever it starts ends with it
    /// at once, by SIGKILL. The process that the command becomes deserves SIGKILL alone; it passes no other signal on.
    pub(crate) fn container(&self, program: &str) -> Result<Command> {
        let (Self::RootFs { root }, Some((user, group))) = (self, self.server_ids()?) else {
            bail!("the {} can't run {program} in namespaces of its own", self.describe());
        };
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--ipc", "--fork", "--kill-child"]);
        // Mounted in the new mount namespace alone, and gone with it.
        command.arg(format!("--mount-proc={}", root.join("proc").display()));
        command.arg("chroot").arg(root).arg("setpriv");
        // A change of user takes back what `--kill-child` asked the kernel for; it must be asked again after it.
        command.args([format!("--reuid={user}"), format!("--regid={group}")]);
        command.args(["--clear-groups", "--pdeathsig=KILL"]).arg(program);
        clean_environment(&mut command);
        Ok(command)
    }
}

/// Keeps the caller's locale and PG* variables from leaking into servers and tools.
fn clean_environment(command: &mut Command) {
    for (name, _) in env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC").current_dir("/");
}

/// Whether the root file system is there, or this machine can make it.
fn can_make_rootfs() -> Result<bool> {
    Ok(is_root() && (cache_dir()?.join(ROOTFS).is_dir() || in_path("apt-get").is_some()))
}

/// Runs a command to its end and returns what it printed; failing, it says what it printed to standard error.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("run {name:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?} failed with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn own_ids() -> String {
    format!("{}:{}", rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// Runs `deploy/dev/rootfs.sh`, which does nothing when the root file system is there.
fn make_rootfs(root: &Path, arguments: &[&str]) -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/dev/rootfs.sh");
    let status = Command::new(&script)
        .arg(root)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    let status = status.with_context(|| format!("run {}", script.display()))?;
    ensure!(status.success(), "making the root file system {} failed: {status}", root.display());
    Ok(())
}

/// The user and group of a name in a passwd(5) file.
fn passwd_ids(passwd: &Path, user: &str) -> Result<(u32, u32)> {
    let text = fs::read_to_string(passwd).with_context(|| format!("read {}", passwd.display()))?;
    text.lines()
        .filter_map(|line| line.strip_prefix(user)?.strip_prefix(':'))
        .find_map(|rest| {
            let mut fields = rest.split(':').skip(1);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        })
        .with_context(|| format!("no user {user} in {}", passwd.display()))
}

pub(crate) fn in_path(program: impl AsRef<OsStr>) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|directory| directory.join(program.as_ref()))
        .find(|path| path.is_file())
}

fn answers(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}
