//! Measures Trunkline and prints one JSON object a line on standard output, progress on standard error.
//!
//! Environment: `ONLY=prefix,…` runs only the figures whose names begin so; `ROWS=n` sets the size (default 300,000, of `query_…` 1,000,000); `REPEAT=n` how often
//! each side of a comparison runs (default 3; medians are reported). Ratios compare runs of one process, taken in turn.

mod copy;
mod fluent_bit;
mod generate;
mod jsonlog;
mod parse;
mod pipeline;
mod query;
mod report;
mod scale;
mod seal;
mod stderr;
mod versus;

use anyhow::Result;

use report::Report;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let report = Report::from_environment()?;
    parse::run(&report)?;
    versus::run(&report).await?;
    scale::run(&report).await?;
    fluent_bit::run(&report).await?;
    seal::run(&report).await?;
    query::counts_cost(&report).await?;
    query::run(&report).await
}
