//! `make demo`: everything at once on this machine, until Ctrl-C; with `CHECK=1` until it is seen to work.

use std::process::ExitCode;

use trunkline_harness::demo;

#[tokio::main]
async fn main() -> ExitCode {
    let check = std::env::var("CHECK").is_ok_and(|value| !value.is_empty() && value != "0");
    match demo::run(check).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
