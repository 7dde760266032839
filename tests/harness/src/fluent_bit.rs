//! A host for the Fluent Bit plugins: as much of Fluent Bit as a plugin can see of it, in C (`fluent-bit/`), compiled when it is first needed.
//!
//! `host --help` says what it can do.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;

use crate::binary;
use crate::installation::set_up;

/// The host's sources.
const SOURCES: [&str; 8] =
    ["main.c", "api.c", "chunks.c", "guarded.c", "input.c", "msgpack.c", "output.c", "plugin.c"];

/// What compiling and looking into the host's memory take. The last two are what valgrind needs to know libc's functions.
const PACKAGES: [&str; 4] = ["gcc", "libc6-dev", "valgrind", "libc6-dbg"];

/// One of the plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plugin {
    /// `trunkline_tail`
    Input,
    /// `trunkline`
    Output,
}

impl Plugin {
    const CRATES: [&str; 2] = ["trunkline-fluent-bit-in", "trunkline-fluent-bit-out"];

    /// Its shared object; for a test `cargo build` brings both up to date first, once in a process.
    pub fn path(self) -> Result<PathBuf> {
        static DIRECTORY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let build = || binary::find_or_build(&Self::CRATES, "--lib").map_err(|e| format!("{e:#}"));
        let directory =
            DIRECTORY.get_or_init(build).as_ref().map_err(|error| anyhow!("{error}"))?;
        let name = match self {
            Self::Input => "libtrunkline_in.so",
            Self::Output => "libtrunkline_out.so",
        };
        let path = directory.join(name);
        ensure!(path.is_file(), "{} isn't built", path.display());
        Ok(path)
    }
}

/// A command line for the host.
#[derive(Debug)]
pub struct HostCommand(Command);

/// What the host says in the end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostReport {
    /// Events of chunks that were taken.
    pub records: u64,
    /// Bytes of such chunks.
    pub bytes: u64,
    /// Calls of the output.
    pub flushes: u64,
    /// Chunks that it has taken.
    pub ok: u64,
    /// Calls after which a chunk was to be tried again.
    pub retry: u64,
    /// Chunks that it has refused.
    pub error: u64,
    /// Chunks that were given up, those that were refused among them.
    pub dropped: u64,
    /// Calls of the input.
    pub collects: u64,
    /// Bytes that it gave.
    pub collected_bytes: u64,
    /// CPU time of the process from the first flush on.
    pub cpu_seconds: f64,
    /// From its start.
    pub wall_seconds: f64,
    /// The largest resident set.
    pub peak_rss_bytes: u64,
}

impl HostCommand {
    /// The host itself.
    pub fn new() -> Result<Self> {
        Ok(Self(Command::new(host()?)))
    }

    /// The host under valgrind, which ends it with status 9 when it finds an error or a leak.
    pub fn under_valgrind() -> Result<Self> {
        let host = host()?;
        let mut command = Command::new("valgrind");
        command.args([
            "--error-exitcode=9",
            "--leak-check=full",
            "--show-leak-kinds=definite,indirect",
        ]);
        command.args(["--errors-for-leak-kinds=definite,indirect", "--keep-debuginfo=yes"]);
        command.args(["--num-callers=30", "--fair-sched=yes"]);
        command.arg(host);
        Ok(Self(command))
    }

    /// With these words.
    pub fn args<T: AsRef<std::ffi::OsStr>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.0.args(args);
        self
    }

    /// With an instance of this plugin, and its properties.
    pub fn plugin<'p>(
        self,
        plugin: Plugin,
        properties: impl IntoIterator<Item = (&'p str, &'p str)>,
    ) -> Result<Self> {
        let option = match plugin {
            Plugin::Input => "--input",
            Plugin::Output => "--output",
        };
        let this = self.args([option.as_ref(), plugin.path()?.as_os_str()]);
        Ok(this.properties(properties))
    }

    /// With another instance of the plugin named last.
    pub fn instance<'p>(self, properties: impl IntoIterator<Item = (&'p str, &'p str)>) -> Self {
        self.args(["--instance"]).properties(properties)
    }

    fn properties<'p>(self, properties: impl IntoIterator<Item = (&'p str, &'p str)>) -> Self {
        properties.into_iter().fold(self, |this, (key, value)| {
            this.args(["--property".to_owned(), format!("{key}={value}")])
        })
    }

    /// The command, for a process that runs beside the test.
    pub fn command(&self) -> &Command {
        &self.0
    }

    /// Runs it to its end, and answers what it says.
    ///
    /// # Errors
    /// When it fails, with all that was logged.
    pub fn run(mut self) -> Result<(HostReport, String)> {
        let output = self.0.output().context("run the host")?;
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "the host ended with {}\n{log}", output.status);
        let report = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("what the host says\n{log}"))?;
        Ok((report, log))
    }
}

/// The host, compiled once in a process.
fn host() -> Result<PathBuf> {
    static HOST: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let host = HOST.get_or_init(|| compile().map_err(|error| format!("{error:#}")));
    host.clone().map_err(|error| anyhow!("{error}"))
}

fn compile() -> Result<PathBuf> {
    set_up(&PACKAGES)?;
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("fluent-bit");
    let directory = binary::profile_directory()?;
    let host = directory.join("fluent-bit-host");
    // Another process may be doing the same: each makes its own, and the last one stays.
    let made = directory.join(format!("fluent-bit-host.{}", std::process::id()));
    let mut cc = Command::new("cc");
    // -rdynamic: plugins look for functions of Fluent Bit's executable.
    cc.args([
        "-std=gnu11",
        "-D_GNU_SOURCE",
        "-O1",
        "-g",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-rdynamic",
    ]);
    cc.arg("-o").arg(&made).args(SOURCES).args(["-ldl", "-lpthread"]).current_dir(&sources);
    let output = cc.output().context("run cc")?;
    ensure!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
    fs::rename(&made, &host).with_context(|| format!("make {}", host.display()))?;
    Ok(host)
}
