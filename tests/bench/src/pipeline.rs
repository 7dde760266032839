//! One run of the whole way: csvlog files, collector, ingester, hypertable.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio_postgres::Client;
use trunkline_harness::{
    Binary, CollectorConfig, Database, IngesterConfig, PostgresServer, Process, eventually,
};

use crate::generate::Generator;

/// Longer than any machine needs for the rows of a benchmark.
const PATIENCE: Duration = Duration::from_secs(1800);

/// The logs that a run reads.
pub struct Logs {
    pub bytes: u64,
    pub rows: usize,
}

/// What a run took.
pub struct Run {
    pub seconds: f64,
    pub collector_cpu: f64,
    pub ingester_cpu: f64,
    pub database_cpu: f64,
    pub collector_rss: f64,
    pub ingester_rss: f64,
}

/// Writes `rows` records over `files` csvlog files.
pub fn write_logs(directory: &Path, rows: usize, files: usize) -> Result<Logs> {
    fs::create_dir_all(directory).context("make the directory of the logs")?;
    let mut bytes = 0;
    for file in 0..files {
        let path = directory.join(format!("postgresql-{file:04}.csv"));
        let mut out = BufWriter::new(File::create(&path).context("create a log")?);
        // About 3.4 days for 2.5 million records, whatever the number of files.
        let mut generator = Generator::new(file as u64 + 1, 114 * files as i64);
        let share = rows / files + usize::from(file < rows % files);
        for _ in 0..share {
            let record = generator.next_record();
            bytes += record.len() as u64;
            out.write_all(record.as_bytes()).context("write a log")?;
        }
        out.flush().context("write a log")?;
    }
    Ok(Logs { bytes, rows })
}

/// Starts both services on the logs and waits until each byte of them is accounted for. Logs that the database has already are new to it
/// as those of another `pod`.
pub async fn run(
    server: &PostgresServer,
    database: &Database,
    directory: &Path,
    logs: &Logs,
    connections: usize,
    pod: &str,
) -> Result<Run> {
    let counts = true;
    run_counting(server, database, directory, logs, Wish { connections, pod, counts }).await
}

/// How a run is to be done.
pub struct Wish<'a> {
    pub connections: usize,
    pub pod: &'a str,
    /// Whether the ingester keeps counts.
    pub counts: bool,
}

/// The same with or without counts.
pub async fn run_counting(
    server: &PostgresServer,
    database: &Database,
    directory: &Path,
    logs: &Logs,
    wish: Wish<'_>,
) -> Result<Run> {
    let Wish { connections, pod, counts } = wish;
    let work = tempfile::tempdir().context("make a directory for the run")?;
    // Records of some days ago are sealed, and that is another benchmark.
    let ingester = IngesterConfig::new(database.url())?
        .set("database.connections", connections)
        .set("database.counts", counts)
        .set("lifecycle.seal_after", "1000days");
    let collector = CollectorConfig::new(&ingester.forward_address(), &work.path().join("state"))?
        .set("source.cluster", "bench")
        .set("source.pod", pod)
        .files(&directory.join("*.csv").display().to_string(), "csvlog");
    let ingester_log = work.path().join("ingester.log");
    let ready = ingester.http_url("/health/ready");
    let mut ingester =
        Process::run(Binary::Ingester, &ingester.write(work.path())?, &ingester_log)?;
    eventually("the ingester to be ready", Duration::from_secs(60), || async {
        let (host, path) = ready.trim_start_matches("http://").split_once('/').context("a URL")?;
        Ok(answers_ok(host, path).await?.then_some(()))
    })
    .await?;

    let client = database.connect().await?;
    client.batch_execute("CHECKPOINT").await?;
    let rows_before = rows(&client).await?;
    let database_before = server.cpu_seconds()?;
    let ingester_before = ingester.cpu_seconds()?;
    let start = Instant::now();
    let config = collector.write(work.path())?;
    let mut collector =
        Process::run(Binary::Collector, &config, &work.path().join("collector.log"))?;
    let mut stored = 0;
    while stored < logs.bytes {
        ensure!(
            start.elapsed() < PATIENCE,
            "{stored} of {} bytes stored\n{}",
            logs.bytes,
            collector.log_tail()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
        let sum = client
            .query_one(
                "SELECT coalesce(sum(position), 0)::bigint FROM log.stream WHERE pod = $1",
                &[&pod],
            )
            .await?;
        stored = u64::try_from(sum.get::<_, i64>(0))?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let run = Run {
        seconds,
        collector_cpu: collector.cpu_seconds()?,
        ingester_cpu: ingester.cpu_seconds()? - ingester_before,
        database_cpu: server.cpu_seconds()? - database_before,
        collector_rss: collector.peak_rss_bytes()? as f64,
        ingester_rss: ingester.peak_rss_bytes()? as f64,
    };
    let count = rows(&client).await? - rows_before;
    ensure!(count == i64::try_from(logs.rows)?, "{count} rows of {} records", logs.rows);
    collector.terminate_and_wait(Duration::from_secs(30))?;
    ingester.terminate_and_wait(Duration::from_secs(30))?;
    Ok(run)
}

async fn rows(client: &Client) -> Result<i64> {
    Ok(client.query_one("SELECT count(*) FROM log.postgres", &[]).await?.get(0))
}

/// Whether a GET is answered with 200. A whole HTTP client would be more than the question needs.
async fn answers_ok(host: &str, path: &str) -> Result<bool> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(host).await?;
    socket.write_all(format!("GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await?;
    Ok(answer.get(9..12) == Some(b"200"))
}
