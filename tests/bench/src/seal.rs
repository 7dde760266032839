//! What sealing costs: the time to build the search indexes on hypertable chunks, and their size beside that of the rows.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use trunkline_harness::{Durability, Store};

use crate::pipeline;
use crate::report::{Report, progress};

const FIGURES: [&str; 2] = ["seal_s_per_mrow", "index_over_table_bytes"];

pub async fn run(report: &Report) -> Result<()> {
    if !report.wants(&FIGURES) {
        return Ok(());
    }
    progress("starting TimescaleDB");
    let store = Store::start(Durability::Durable).await?;
    let server =
        store.server().context("benchmarks need a private server: unset TRUNKLINE_DATABASE_URL")?;
    let directory = tempfile::tempdir()?;
    let logs = pipeline::write_logs(directory.path(), report.rows, 1)?;
    let database = store.create_database().await?;
    progress(&format!("storing {} records", logs.rows));
    pipeline::run(server, &database, directory.path(), &logs, 1, "bench-0").await?;
    let client = database.connect().await?;

    // Whatever today is, by then their time has passed.
    let next = "SELECT index_name, statement FROM log.unsealed('2099-01-01', '0') \
                WHERE chunk IN (SELECT chunk FROM log.chunk_status WHERE hypertable = 'log.postgres'::regclass)";
    let (mut seconds, mut shares) = (vec![], vec![]);
    for round in 1..=report.repeat {
        progress(&format!("sealing, round {round} of {}", report.repeat));
        let indexes = client.query(next, &[]).await?;
        ensure!(!indexes.is_empty(), "there is nothing to seal");
        let start = Instant::now();
        for index in &indexes {
            client.batch_execute(index.get(1)).await?;
        }
        seconds.push(start.elapsed().as_secs_f64() / (logs.rows as f64 / 1e6));
        let sizes = "SELECT sum(pg_relation_size(indexrelid))::float8, \
                     (SELECT sum(pg_table_size(chunk))::float8 FROM log.chunk_status WHERE hypertable = 'log.postgres'::regclass) \
                     FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname = ANY ($1)";
        let names: Vec<&str> = indexes.iter().map(|index| index.get(0)).collect();
        let sizes = client.query_one(sizes, &[&names]).await?;
        shares.push(sizes.get::<_, f64>(0) / sizes.get::<_, f64>(1));
        for name in names {
            client.batch_execute(&format!("DROP INDEX _timescaledb_internal.{name}")).await?;
        }
    }
    let more = json!({"rows": logs.rows, "index": "gin_trgm_ops over message, detail, hint, query, context"});
    report.figure("seal_s_per_mrow", "s/Mrow", &seconds, more.clone())?;
    report.figure("index_over_table_bytes", "ratio", &shares, more)
}
