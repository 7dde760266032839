//! The program: reads the configuration, builds the service, and runs it until a signal ends it.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use trunkline_ingester::app::{self, Ingester};
use trunkline_ingester::cli::{Cli, Command, Token};
use trunkline_ingester::config::Config;
use trunkline_ingester::store::{self, MigrateError, Pool, access};

/// Bad configuration, or a database that can't be used: somebody has to mend something.
const EXIT_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match execute(&cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("trunkline-ingester: {}", failure.message);
            failure.code
        }
    }
}

struct Failure {
    message: String,
    code: ExitCode,
}

/// What isn't otherwise known is a failure while running.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { message: format!("{error:#}"), code: ExitCode::FAILURE }
    }
}

/// Our own errors say in one line what their causes are.
fn configuration(error: impl std::error::Error) -> Failure {
    Failure { message: error.to_string(), code: ExitCode::from(EXIT_CONFIGURATION) }
}

fn execute(command: &Command) -> Result<(), Failure> {
    let config = Config::load(command.config_file()).map_err(configuration)?;
    if let Command::CheckConfig(_) = command {
        println!("the configuration is valid");
        return Ok(());
    }
    config.log.init().map_err(configuration)?;
    let runtime = tokio::runtime::Runtime::new().context("can't start the runtime")?;
    let result = match command {
        Command::Migrate(_) => runtime.block_on(migrate(&config)),
        Command::Token(command) => runtime.block_on(token(&config, command)),
        _ => {
            raise_open_files();
            runtime.block_on(run(config))
        }
    };
    // What is left over must not keep the process.
    runtime.shutdown_background();
    result
}

async fn run(config: Config) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    stop_on_signal(&stop).context("can't listen for signals")?;
    let of = |error: app::Error| match error.is_configuration() {
        true => configuration(error),
        false => Failure { message: error.to_string(), code: ExitCode::FAILURE },
    };
    Ingester::bind(config).await.map_err(of)?.run(stop).await.map_err(of)
}

/// As many connections as are configured need as many files, and the usual limit is 1,024; the hard one is what the system allows.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, limit = ?limit.current, "the limit of open files can't be raised");
    }
}

async fn migrate(config: &Config) -> Result<(), Failure> {
    for (shard, _, owner) in config.databases().map_err(configuration)? {
        let of = if shard.is_empty() { String::new() } else { format!("shard {shard}: ") };
        let pool = Pool::for_owner(owner);
        let failed = |error: MigrateError| Failure {
            message: format!("{of}{error}"),
            code: ExitCode::from(EXIT_CONFIGURATION),
        };
        for migration in store::migrate(&pool).await.map_err(failed)? {
            println!("{of}applied {:04}_{}", migration.version, migration.name);
        }
        println!("{of}the schema is up to date");
    }
    Ok(())
}

async fn token(config: &Config, command: &Token) -> Result<(), Failure> {
    let owner = Pool::for_owner(config.database.owner_url().map_err(configuration)?);
    match command {
        Token::Create { name, tenant, expires, .. } => {
            let made = access::create_token(&owner, name, tenant.as_deref(), expires).await;
            println!("{}", made.map_err(configuration)?);
        }
        Token::List(_) => {
            for token in access::list_tokens(&owner).await.map_err(configuration)? {
                let whose = token.tenant.as_deref().unwrap_or("(all clusters)");
                println!(
                    "{}\t{}\t{}\t{whose}\t{}",
                    token.id, token.state, token.expires_at, token.name
                );
            }
        }
        Token::Revoke { id, .. } => {
            access::revoke_token(&owner, *id).await.map_err(configuration)?;
            println!("token {id} is revoked");
        }
    }
    Ok(())
}

fn stop_on_signal(stop: &CancellationToken) -> std::io::Result<()> {
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let (mut signals, stop) = (signal(kind)?, stop.clone());
        tokio::spawn(async move {
            signals.recv().await;
            stop.cancel();
        });
    }
    Ok(())
}
