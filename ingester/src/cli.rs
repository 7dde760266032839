//! The command line. Settings are not flags: they come from the file and the environment, see [`crate::config`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Receives Fluent Forward and copies log records into TimescaleDB.
#[derive(Debug, Parser)]
#[command(name = "trunkline-ingester", version, after_help = ENVIRONMENT)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const ENVIRONMENT: &str = "\
Every setting of the file can also be given as TRUNKLINE_INGESTER_<TABLE>__<KEY>, for instance \
TRUNKLINE_INGESTER_FORWARD__LISTEN=0.0.0.0:24224; TRUNKLINE_DATABASE_URL sets database.url. \
The environment wins over the file.

Exit status: 0 after an orderly stop, 1 when it failed while running, 2 on bad configuration or a database \
that can't be used.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Receive, store and answer queries until SIGTERM or SIGINT
    Run(ConfigArgs),
    /// Bring the schema of the database up to date, then exit
    Migrate(ConfigArgs),
    /// Check the configuration without connecting anywhere, then exit
    CheckConfig(ConfigArgs),
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Configuration file in TOML; without one, defaults and the environment
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Command {
    /// The configuration file that was named.
    pub fn config_file(&self) -> Option<&std::path::Path> {
        let (Self::Run(args) | Self::Migrate(args) | Self::CheckConfig(args)) = self;
        args.config.as_deref()
    }
}
