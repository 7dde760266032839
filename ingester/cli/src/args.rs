//! The command line.

use std::path::PathBuf;

use clap::{ArgAction, Args, ColorChoice, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::filter::FilterArgs;
use crate::profile::Profile;

/// Logs of PostgreSQL servers, asked of a Trunkline ingester.
#[derive(Debug, Parser)]
#[command(name = "trunkline", version, after_help = AFTER, max_term_width = 120)]
pub struct Cli {
    /// Whom to ask, and how to print.
    #[command(flatten)]
    pub global: Global,
    /// What to ask.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER: &str = "\
Profiles are tables of ~/.config/trunkline/profiles.toml with url, token or token_file, and ca_file; [default] is taken \
unless --profile names another.

Exit status: 0 answered, 2 wrong usage or profile, 3 refused by the service, 4 not answered, 1 any other failure.

Examples:
  trunkline logs --cluster orders --min-severity ERROR --from -1h
  trunkline logs --where \"sql_state_code LIKE '53%' AND message ILIKE '%disk%'\" --output csv > disk.csv
  trunkline histogram --cluster orders --from -1d --step 1h
  trunkline facets user_name --from -1d --severity FATAL
  trunkline tail --cluster orders --min-severity WARNING
  trunkline patterns --from -1h --min-severity ERROR
  trunkline sql \"SELECT pod, count(*) FROM log.postgres WHERE log_time > now() - interval '1 hour' GROUP BY 1\"";

/// What all commands have.
#[derive(Debug, Args)]
pub struct Global {
    /// Table of the profile file
    #[arg(long, global = true, value_name = "NAME", env = "TRUNKLINE_PROFILE")]
    pub profile: Option<String>,
    /// Another profile file
    #[arg(long, global = true, value_name = "FILE", env = "TRUNKLINE_PROFILES")]
    pub profiles: Option<PathBuf>,
    /// Address of the service
    #[arg(long, global = true, value_name = "URL", env = "TRUNKLINE_URL")]
    pub url: Option<String>,
    // The token itself is no flag: everybody on the machine sees the arguments of a process.
    /// File that holds the token; the token itself can be given as TRUNKLINE_TOKEN
    #[arg(long, global = true, value_name = "FILE", env = "TRUNKLINE_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Authorities of the service's certificate, in PEM, in place of the system's
    #[arg(long, global = true, value_name = "FILE", env = "TRUNKLINE_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// Whether to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    /// Print without a pager, also to a terminal
    #[arg(long, global = true, action = ArgAction::SetTrue)]
    pub no_pager: bool,
}

impl Global {
    /// What was chosen here, to stand above the profile's.
    pub fn chosen(&self) -> Profile {
        Profile {
            url: self.url.clone(),
            token: std::env::var("TRUNKLINE_TOKEN").ok().filter(|token| !token.is_empty()),
            token_file: self.token_file.clone(),
            ca_file: self.ca_file.clone(),
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Rows that a filter finds, the newest at the bottom
    Logs(LogsArgs),
    /// How many rows there are in each step of time, by severity
    Histogram(HistogramArgs),
    /// The most frequent values of a column
    Facets(FacetsArgs),
    /// The rows of a statement of your own
    Sql(SqlArgs),
    /// Rows as they are stored, until you stop it
    Tail(TailArgs),
    /// Messages grouped by what they have in common, the most frequent at the top
    Patterns(PatternsArgs),
    /// The clusters that there are
    Clusters(TableArgs),
    /// A script that completes commands and flags in your shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RowFormat {
    /// For people
    Text,
    /// A JSON object a line, with every column
    Json,
    /// CSV with a header
    Csv,
    /// The messages alone, as the server wrote them
    Raw,
}

/// How tables are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// For people
    Text,
    /// As the service answers
    Json,
    /// CSV with a header
    Csv,
}

/// `logs`
#[derive(Debug, Args)]
pub struct LogsArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Rows at most, of the newest
    #[arg(long, short = 'n', value_name = "ROWS", default_value_t = 100, conflicts_with = "all")]
    pub limit: u32,
    /// All rows, oldest first
    #[arg(long)]
    pub all: bool,
    /// The newest at the top
    #[arg(long, short, conflicts_with = "all")]
    pub reverse: bool,
    /// Then those that are stored, as tail
    #[arg(long, short, conflicts_with_all = ["all", "reverse"])]
    pub follow: bool,
    #[command(flatten)]
    pub(crate) print: RowArgs,
}

/// `tail`
#[derive(Debug, Args)]
pub struct TailArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Rows before the first, of the newest
    #[arg(long, short = 'n', value_name = "ROWS", default_value_t = 10)]
    pub limit: u32,
    /// Follow, which it always does
    #[arg(short = 'f', hide = true)]
    pub follow: bool,
    #[command(flatten)]
    pub(crate) print: RowArgs,
}

/// `patterns`
#[derive(Debug, Args)]
pub struct PatternsArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Patterns at most
    #[arg(long, short = 'n', value_name = "PATTERNS", default_value_t = 50)]
    pub limit: u32,
    #[command(flatten)]
    pub(crate) print: TableArgs,
}

/// How rows are printed.
#[derive(Debug, Args)]
pub struct RowArgs {
    /// How rows are printed; CSV comes in the service's order, the newest first
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: RowFormat,
    /// Times in this machine's zone instead of UTC
    #[arg(long)]
    pub local: bool,
}

/// How a table is printed.
#[derive(Debug, Args)]
pub struct TableArgs {
    /// How the table is printed
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: TableFormat,
}

/// `histogram`
#[derive(Debug, Args)]
pub struct HistogramArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Length of a step, as 30s, 5m, 1h; else one that gives a readable number of them
    #[arg(long, value_name = "LENGTH")]
    pub step: Option<String>,
    #[command(flatten)]
    pub(crate) print: TableArgs,
}

/// `facets`
#[derive(Debug, Args)]
pub struct FacetsArgs {
    /// Columns, by their names or the filters' ones
    #[arg(required = true, value_name = "COLUMN")]
    pub columns: Vec<String>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Values at most
    #[arg(long, short = 'n', value_name = "VALUES", default_value_t = 10)]
    pub limit: u32,
    #[command(flatten)]
    pub(crate) print: TableArgs,
}

/// `sql`
#[derive(Debug, Args)]
pub struct SqlArgs {
    /// One statement that reads; without it, or with -, it comes from standard input
    #[arg(value_name = "STATEMENT")]
    pub statement: Option<String>,
    /// Rows at most
    #[arg(long, short = 'n', value_name = "ROWS", default_value_t = 1_000)]
    pub limit: u32,
    #[command(flatten)]
    pub(crate) print: TableArgs,
}
