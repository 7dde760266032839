//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Where the configuration is looked for.
pub const DEFAULT_CONFIG: &str = "/etc/trunkline/collector.toml";

/// `trunkline-collector`
#[derive(Debug, Parser)]
#[command(
    name = "trunkline-collector",
    version,
    about = "Tails PostgreSQL logs and ships them over Fluent Forward",
    after_help = "Exit status: 0 when all went well, 1 when something broke while running, 2 when the \
                  command line, the configuration or a file can't be used, 3 when `parse` rejected \
                  records."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Collect: follow the files and ship what is written, until SIGTERM
    #[command(after_help = "\
Every setting can also come from the environment, two underscores between levels:
  TRUNKLINE_COLLECTOR_SHIP__ADDRESS=ingester:24224 trunkline-collector run --config collector.toml

SIGTERM or SIGINT: stops reading, ships what is framed, waits for acks (shutdown_grace), writes the
checkpoint. A second signal ends it at once; nothing is lost, more is read again.

The smallest configuration:
  [[files]]
  path = \"/var/lib/postgresql/data/log/*.csv\"
  [ship]
  address = \"ingester:24224\"

To Fluentd, Fluent Bit or any other Forward receiver, at least once and in their words:
  [ship]
  address = \"fluentd:24224\"
  mode = \"compatible\"")]
    Run(ConfigArgs),
    /// Check the configuration and print what is in force and which files it matches now
    #[command(after_help = "\
Prints `ok`, then the effective settings as TOML (file, environment and defaults together), then the
files that the globs match. A wrong configuration is one line on standard error, and exit status 2:
  $ trunkline-collector check-config --config collector.toml
  collector.toml: ship.windw: unknown field …")]
    CheckConfig(ConfigArgs),
    /// Print the records of log files as NDJSON
    #[command(after_help = "\
Records go to standard output, one JSON object a line: keys named as the columns, log_time in UTC, and
the record's position in the (uncompressed) file. What is no record goes to standard error, one JSON
object a line, with file, position, reason and the raw bytes. Exit status 3 if there was any.

  trunkline-collector parse postgresql-2026-11-22_223624.csv | jq -r .message
  trunkline-collector parse --log-timezone Europe/Berlin old/*.csv.gz archive.csv.zst
  trunkline-collector parse --log-line-prefix '%m [%p] %q%u@%d ' /var/log/postgresql/*.log
  kubectl logs … | trunkline-collector parse --format csvlog -")]
    Parse(ParseArgs),
}

/// Which configuration.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    pub config: PathBuf,
}

/// What to parse, and how.
#[derive(Debug, Args)]
pub struct ParseArgs {
    /// Format of the files: auto (by the first whole record), csvlog, jsonlog, stderr, patroni, patroni-json, cri
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub format: String,
    /// The server's log_timezone, such as Europe/Berlin, for abbreviations that several zones share;
    /// for Patroni, the time zone of its process [default: PostgreSQL's default abbreviations; UTC]
    #[arg(long, value_name = "ZONE")]
    pub log_timezone: Option<String>,
    /// The server's log_line_prefix, for stderr logs [default: the usual ones are tried]
    #[arg(long, value_name = "PREFIX")]
    pub log_line_prefix: Option<String>,
    /// Patroni's log.format, for its text [default: a line that begins with a time and a level]
    #[arg(long, value_name = "FORMAT")]
    pub patroni_format: Option<String>,
    /// Patroni's log.dateformat, for its text
    #[arg(long, value_name = "FORMAT")]
    pub patroni_dateformat: Option<String>,
    /// Format of the lines within a container's log (cri) [default: each is taken for what it looks like]
    #[arg(long, value_name = "FORMAT")]
    pub content: Option<String>,
    /// Files to read, `-` for standard input; gzip and zstd are recognised by their content
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}
