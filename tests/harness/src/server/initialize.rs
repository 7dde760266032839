//! Makes a data directory: `initdb`, and the settings that a private server has.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::installation::{Installation, run};
use crate::instance::Instance;
use crate::settings::Settings;

/// Makes `data/` of an instance: user `postgres`, UTF-8, trust on loopback, these settings.
pub(super) fn initialize(
    installation: &Installation,
    instance: &Instance,
    settings: &Settings,
) -> Result<()> {
    let directory = instance.directory().display();
    let data = instance.data();
    let mut initdb =
        installation.command("initdb", &[format!("--volume={directory}:{directory}")])?;
    initdb.arg("-D").arg(installation.inside(&data));
    initdb.args([
        "--username=postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]);
    run(&mut initdb)?;
    let docker = matches!(installation, Installation::Docker { .. });
    configure(&data, settings, docker)?;
    admit(&data, docker)
}

fn configure(data: &Path, settings: &Settings, docker: bool) -> Result<()> {
    let ours = Settings::plain()
        // Docker publishes the port on loopback alone.
        .with("listen_addresses", if docker { "*" } else { "127.0.0.1" })
        .with("unix_socket_directories", "")
        // Shared memory as files of the data directory goes away with it, also after SIGKILL.
        .with("dynamic_shared_memory_type", "mmap")
        .render();
    let path = data.join("postgresql.conf");
    let mut file = OpenOptions::new().append(true).open(path).context("open postgresql.conf")?;
    write!(file, "\n# Set by the harness.\n{ours}{}", settings.render())
        .context("write postgresql.conf")
}

/// Puts two users before initdb's rules whose logins fail, for logs to collect.
fn admit(data: &Path, docker: bool) -> Result<()> {
    let path = data.join("pg_hba.conf");
    let rules = fs::read_to_string(&path).context("read pg_hba.conf")?;
    let everybody = if docker { "host all all all trust\n" } else { "" };
    let refused = "host all intruder all scram-sha-256\nhost all outcast all reject\n";
    fs::write(&path, format!("{refused}{everybody}{rules}")).context("write pg_hba.conf")
}
