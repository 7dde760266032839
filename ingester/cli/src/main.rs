//! The program: reads the command line and the profile, asks, prints, and says by its exit status how it went.

use std::process::ExitCode;

use clap::Parser;
use trunkline_cli::{Cli, Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match trunkline_cli::execute(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough, as `head` has.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("trunkline: {failure}");
            ExitCode::from(failure.status())
        }
    }
}
