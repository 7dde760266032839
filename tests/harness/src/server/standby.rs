//! A streaming standby of another private server, and its promotion.

use anyhow::{Context, Result, ensure};

use super::PostgresServer;
use crate::installation::{Installation, run};
use crate::instance::Instance;
use crate::ports::free_port;

impl PostgresServer {
    /// A running standby of this server, made by `pg_basebackup`; it streams what this server writes. It has this server's settings,
    /// those of `ALTER SYSTEM` included.
    pub fn standby(&self) -> Result<Self> {
        let installation = self.installation.clone();
        ensure!(
            !matches!(installation, Installation::Docker { .. }),
            "a standby in a container can't reach its primary"
        );
        let instance = Instance::create(&installation)?;
        let mut backup = self.tool("pg_basebackup")?;
        backup.args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf", "-D"]);
        run(backup.arg(installation.inside(&instance.data()))).context("make a standby")?;
        let port = free_port()?;
        let mut standby = Self { process: None, installation, instance, port };
        standby.start_again().context("start a standby")?;
        Ok(standby)
    }

    /// Makes a standby the primary; returns when it takes writes.
    pub fn promote(&self) -> Result<()> {
        let promoted = self.psql("postgres", "SELECT pg_promote()")?;
        ensure!(promoted == "t", "the standby on port {} was not promoted", self.port);
        Ok(())
    }
}
