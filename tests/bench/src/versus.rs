//! The pipeline and `psql`'s COPY in turn, on one server, into tables of one definition.

use anyhow::{Context, Result};
use serde_json::json;
use trunkline_harness::{Binary, Database, Durability, IngesterConfig, Store};

use crate::copy::{self, Pieces};
use crate::pipeline::{self, Logs, Run};
use crate::report::{Report, progress};

const FIGURES: [&str; 12] = [
    "copy_ratio_1conn",
    "copy_ratio_2conn",
    "pipeline_rows_s_1conn",
    "pipeline_rows_s_2conn",
    "psql_copy_rows_s_1conn",
    "psql_copy_rows_s_2conn",
    "pipeline_cpu_share",
    "collector_cpu_s_per",
    "ingester_cpu_s_per",
    "database_cpu_s_per",
    "collector_rss_mib",
    "ingester_rss_mib",
];

/// Files of a run: several streams, so that two connections have something to share.
const FILES: usize = 8;
const MIB: f64 = 1024.0 * 1024.0;

pub async fn run(report: &Report) -> Result<()> {
    if !report.wants(&FIGURES) {
        return Ok(());
    }
    progress("starting TimescaleDB");
    let store = Store::start(Durability::Durable).await?;
    let server =
        store.server().context("benchmarks need a private server: unset TRUNKLINE_DATABASE_URL")?;
    let directory = tempfile::tempdir()?;
    progress(&format!("writing {} records of csvlog", report.rows));
    let logs = pipeline::write_logs(directory.path(), report.rows, FILES)?;

    let mut pieces: Option<Pieces> = None;
    for connections in [1, 2] {
        let (mut ratios, mut ours, mut theirs, mut runs) = (vec![], vec![], vec![], vec![]);
        for round in 1..=report.repeat {
            progress(&format!(
                "{connections} connection(s), round {round} of {}: pipeline",
                report.repeat
            ));
            let database = store.create_database().await?;
            let run =
                pipeline::run(server, &database, directory.path(), &logs, connections, "bench-0")
                    .await?;
            let pieces = match &pieces {
                Some(pieces) => pieces,
                None => pieces.insert(copy::export(server, &database.connect().await?).await?),
            };
            drop(database);
            progress(&format!("{connections} connection(s), round {round}: psql"));
            let database = migrated(&store).await?;
            let (seconds, cpu) = copy::run(server, &database, pieces, connections)?;
            ratios.push(seconds / run.seconds);
            ours.push(logs.rows as f64 / run.seconds);
            theirs.push(logs.rows as f64 / seconds);
            runs.push((run, cpu));
        }
        let more = json!({"rows": logs.rows, "bytes": logs.bytes, "connections": connections, "streams": FILES});
        let name = |prefix: &str| format!("{prefix}_{connections}conn");
        report.figure(&name("copy_ratio"), "ratio", &ratios, more.clone())?;
        report.figure(&name("pipeline_rows_s"), "rows/s", &ours, more.clone())?;
        report.figure(&name("psql_copy_rows_s"), "rows/s", &theirs, more.clone())?;
        if connections == 1 {
            costs(report, &logs, &runs, &more)?;
        }
    }
    Ok(())
}

/// CPU and memory of each process, from the runs with one connection.
fn costs(
    report: &Report,
    logs: &Logs,
    runs: &[(Run, f64)],
    more: &serde_json::Value,
) -> Result<()> {
    let million = logs.rows as f64 / 1e6;
    let gigabytes = logs.bytes as f64 / 1e9;
    let each = |value: fn(&Run) -> f64, divisor: f64| -> Vec<f64> {
        runs.iter().map(|(run, _)| value(run) / divisor).collect()
    };
    let figures: [(&str, &str, Vec<f64>); 7] = [
        (
            "pipeline_cpu_share",
            "ratio",
            each(|run| (run.collector_cpu + run.ingester_cpu) / run.database_cpu, 1.0),
        ),
        ("collector_cpu_s_per_gb", "s/GB", each(|run| run.collector_cpu, gigabytes)),
        ("collector_cpu_s_per_mrow", "s/Mrow", each(|run| run.collector_cpu, million)),
        ("ingester_cpu_s_per_mrow", "s/Mrow", each(|run| run.ingester_cpu, million)),
        ("database_cpu_s_per_mrow", "s/Mrow", each(|run| run.database_cpu, million)),
        ("collector_rss_mib", "MiB", each(|run| run.collector_rss, MIB)),
        ("ingester_rss_mib", "MiB", each(|run| run.ingester_rss, MIB)),
    ];
    for (name, unit, values) in figures {
        report.figure(name, unit, &values, more.clone())?;
    }
    let theirs: Vec<f64> = runs.iter().map(|(_, cpu)| cpu / million).collect();
    report.figure("database_cpu_s_per_mrow_psql", "s/Mrow", &theirs, more.clone())
}

/// A fresh database with the store's tables and nothing in them.
pub async fn migrated(store: &Store) -> Result<Database> {
    let database = store.create_database().await?;
    let work = tempfile::tempdir()?;
    let config = IngesterConfig::new(database.url())?.write(work.path())?;
    let output = Binary::Ingester.command()?.args(["migrate", "--config"]).arg(config).output()?;
    anyhow::ensure!(
        output.status.success(),
        "trunkline-ingester migrate: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(database)
}
