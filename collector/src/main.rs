//! The agent's binary: `run`, `check-config`, `parse`.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use clap::Parser;
use tracing_subscriber::EnvFilter;
use trunkline_collector::{
    check,
    cli::{Cli, Command, ParseArgs},
    config::{Config, LogConfig, LogFormat},
    parse::{self, ParseError},
    run::{self, Ended, StartError},
};

/// Something broke while running.
const BROKEN: u8 = 1;
/// The command line, the configuration or a file can't be used.
const UNUSABLE: u8 = 2;
/// `parse` rejected records.
const REJECTED: u8 = 3;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run(&args.config),
        Command::CheckConfig(args) => check(&args.config),
        Command::Parse(args) => parse(&args),
    };
    result.unwrap_or_else(|error| {
        // One line; standard error may be gone, which is nobody's business then.
        let _ = writeln!(io::stderr(), "trunkline-collector: {error:#}");
        ExitCode::from(if error.is::<Broken>() { BROKEN } else { UNUSABLE })
    })
}

/// Marks errors that are not about how the collector was called or configured.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Broken(&'static str);

fn run(file: &Path) -> anyhow::Result<ExitCode> {
    let config = Config::load(file).map_err(StartError::from)?;
    start_log(&config.log);
    // One thread carries the socket, the checkpoint and the status page; the tail thread is beside it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context(Broken("the runtime can't be built"))?;
    let ended = runtime.block_on(run::run(file, config))?;
    // After a second signal nothing is waited for.
    runtime.shutdown_background();
    Ok(match ended {
        Ended::Drained => ExitCode::SUCCESS,
        Ended::AtOnce | Ended::Failed => ExitCode::from(BROKEN),
    })
}

fn start_log(config: &LogConfig) {
    // The filter was checked with the configuration.
    let filter = config.level.parse::<EnvFilter>().unwrap_or_default();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match config.format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

fn check(file: &Path) -> anyhow::Result<ExitCode> {
    check::check(file, &mut io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

fn parse(args: &ParseArgs) -> anyhow::Result<ExitCode> {
    match parse::parse(args, &mut io::stdout().lock(), &mut io::stderr().lock()) {
        Ok(0) => Ok(ExitCode::SUCCESS),
        Ok(_) => Ok(ExitCode::from(REJECTED)),
        // Whoever read our output has seen enough.
        Err(ParseError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(error.into()),
    }
}
