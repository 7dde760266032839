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
    /// Tokens for the HTTP API
    #[command(subcommand)]
    Token(Token),
}

/// What is done about tokens; by the owner of the tables, `database.owner_url`.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token and print it, this once
    Create {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigArgs,
        /// Whose it is, or what it is for
        #[arg(long, default_value = "unnamed")]
        name: String,
        /// The tenant whose clusters it shows
        #[arg(long, required_unless_present = "all_clusters", conflicts_with = "all_clusters")]
        tenant: Option<String>,
        /// It shows all clusters
        #[arg(long)]
        all_clusters: bool,
        /// How long it is good for, as PostgreSQL reads an interval
        #[arg(long, value_name = "INTERVAL", default_value = "90 days")]
        expires: String,
    },
    /// List tokens: number, state, end, tenant, name
    List(ConfigArgs),
    /// Make a token useless from now on
    Revoke {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigArgs,
        /// The token's number
        id: i64,
    },
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
        let (Self::Run(args)
        | Self::Migrate(args)
        | Self::CheckConfig(args)
        | Self::Token(
            Token::Create { config: args, .. }
            | Token::List(args)
            | Token::Revoke { config: args, .. },
        )) = self;
        args.config.as_deref()
    }
}
