//! Our own services' binaries: where they are, and how they are called.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};

/// Set by `make test`, which has built everything: building the two crates alone would mean other features of their
/// dependencies, and minutes.
const BUILT: &str = "TRUNKLINE_BUILT";

/// One of the workspace's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `trunkline-collector`
    Collector,
    /// `trunkline-ingester`
    Ingester,
    /// `trunkline`, the terminal client
    Terminal,
}

impl Binary {
    /// The binary's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Collector => "trunkline-collector",
            Self::Ingester => "trunkline-ingester",
            Self::Terminal => "trunkline",
        }
    }

    /// Where it is: in the target directory of the executable that asks, of the same profile. For a test `cargo build` brings the
    /// binaries up to date first, once in a process; for another executable (demo, benchmarks) they must be there.
    pub fn path(self) -> Result<PathBuf> {
        static DIRECTORY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let crates = [Self::Collector.name(), Self::Ingester.name(), "trunkline-cli"];
        let build = || find_or_build(&crates, "--bins").map_err(|error| format!("{error:#}"));
        let directory = DIRECTORY.get_or_init(build);
        let path = directory.as_ref().map_err(|error| anyhow!("{error}"))?.join(self.name());
        ensure!(
            path.is_file(),
            "{} isn't built: run `cargo build --workspace` first",
            path.display()
        );
        Ok(path)
    }

    /// A command for it. Settings of ours in the caller's environment don't reach it: a test says itself what is configured.
    pub fn command(self) -> Result<Command> {
        let mut command = Command::new(self.path()?);
        for (name, _) in
            env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"TRUNKLINE_"))
        {
            command.env_remove(name);
        }
        for name in ["RUST_LOG", "NAMESPACE", "POD_NAMESPACE", "POD_NAME", "NODE_NAME"] {
            command.env_remove(name);
        }
        Ok(command)
    }

    /// The command `run --config FILE`.
    pub fn run_command(self, config: &Path) -> Result<Command> {
        let mut command = self.command()?;
        command.args(["run", "--config"]).arg(config);
        Ok(command)
    }
}

/// The directory of the profile that we were built with, after building these crates where cargo built us for a test; `targets` says what
/// of them.
pub(crate) fn find_or_build(crates: &[&str], targets: &str) -> Result<PathBuf> {
    let executable = env::current_exe().context("find this executable")?;
    let profile = profile_of(&executable)?;
    if executable.parent() == Some(profile) || env::var_os(BUILT).is_some() {
        return Ok(profile.to_owned());
    }
    let target = profile.parent().context("the profile's directory has no parent")?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg("build").arg("--quiet").arg("--target-dir").arg(target).arg(targets);
    cargo.args(crates.iter().flat_map(|name| ["-p", name]));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let output =
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().context("run cargo build")?;
    ensure!(
        output.status.success(),
        "cargo build: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(profile.to_owned())
}

/// The directory of the profile that we were built with.
pub(crate) fn profile_directory() -> Result<PathBuf> {
    let executable = env::current_exe().context("find this executable")?;
    Ok(profile_of(&executable)?.to_owned())
}

/// The directory of the profile that an executable was built with; that of a test is in a directory of it.
fn profile_of(executable: &Path) -> Result<&Path> {
    let directory = executable.parent().context("this executable has no directory")?;
    if directory.ends_with("deps") {
        return directory.parent().context("deps has no parent");
    }
    Ok(directory)
}
