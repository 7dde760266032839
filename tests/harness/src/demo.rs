//! The demo: a private TimescaleDB, a PostgreSQL under load whose csvlog is collected, the collector and the ingester, as real
//! processes; and rows that flow from the one to the other.

mod check;
mod live;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::binary::Binary;
use crate::config::{CollectorConfig, IngesterConfig};
use crate::csv_truth;
use crate::database::{Database, Store};
use crate::installation::in_path;
use crate::load::{self, OddStatements};
use crate::process::Process;
use crate::server::{PostgresServer, StopMode};
use crate::settings::Durability;

const READY_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(40);
/// Transactions a second; each writes seven statements to the log.
const RATE: u32 = 50;
const CLIENTS: u32 = 4;
/// Among pgbench's statements, some that fail.
const ODD_PAUSE: Duration = Duration::from_secs(1);

/// Runs the demo: until SIGINT or SIGTERM, or with `check` until rows were read back by SQL and by HTTP.
pub async fn run(check: bool) -> Result<()> {
    let mut signals = Signals::listen()?;
    let mut demo = tokio::select! {
        demo = Demo::start() => demo?,
        () = signals.next() => return Ok(()),
    };
    let show =
        async { if check { check::run(&mut demo).await } else { live::run(&mut demo).await } };
    let shown = tokio::select! {
        shown = show => shown,
        () = signals.next() => {
            println!("\nstopping");
            Ok(())
        }
    };
    if shown.is_err() {
        eprintln!("{}", demo.log_tails());
    }
    shown.and(demo.stop())
}

/// What an operator or a supervisor ends the demo with.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("listen for signals");
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
        }
    }
}

/// All that runs. The fields are dropped in this order: from the load down to the store.
struct Demo {
    pgbench: Process,
    collector: Process,
    ingester: Process,
    source: PostgresServer,
    database: Database,
    store: Store,
    ingester_config: IngesterConfig,
    odd: OddStatements,
    _directory: TempDir,
}

impl Demo {
    async fn start() -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("trunkline-demo-")
            .tempdir()
            .context("make a directory")?;
        let log = |name: &str| directory.path().join(name);

        step("starting a TimescaleDB");
        let store = Store::start(Durability::Durable).await?;
        let database = store.create_demo_database().await?;
        if let Some(server) = store.server() {
            step(&format!(
                "  on port {}, from the {}",
                server.port(),
                server.installation().describe()
            ));
        }

        step("starting a source PostgreSQL that logs every statement as csvlog");
        let settings =
            [("log_statement", "all"), ("log_connections", "on"), ("log_lock_waits", "on")];
        let source = PostgresServer::source(&settings)?;
        load::pgbench_init(&source, "postgres", 1)?;

        step("starting ingester and collector");
        let ingester_config = IngesterConfig::new(database.url())?;
        let config = ingester_config.write(directory.path())?;
        let mut ingester = Process::run(Binary::Ingester, &config, &log("ingester.log"))?;
        ingester.until_ready(&ingester_config.http_url("/health/ready"), READY_TIMEOUT).await?;

        let collector_config = CollectorConfig::new(
            &ingester_config.forward_address(),
            &directory.path().join("collector"),
        )?
        .set("source.namespace", "demo")
        .set("source.cluster", "orders")
        .set("source.pod", "orders-0")
        .set("source.container", "postgres")
        .set("source.role", "primary")
        .files_in_zone(&source.csvlog_glob(), "csvlog", "UTC");
        let config = collector_config.write(directory.path())?;
        let mut collector = Process::run(Binary::Collector, &config, &log("collector.log"))?;
        collector.until_ready(&collector_config.http_url("/health/ready"), READY_TIMEOUT).await?;

        step(&format!("starting pgbench, {RATE} transactions a second"));
        let forever = load::Extent::Seconds(i32::MAX as u32);
        let mut command = load::pgbench_command(&source, "postgres", CLIENTS, forever)?;
        let pgbench = Process::spawn(command.arg(format!("--rate={RATE}")), &log("pgbench.log"))?;
        let odd = OddStatements::new(1);
        Ok(Self {
            pgbench,
            collector,
            ingester,
            source,
            database,
            store,
            ingester_config,
            odd,
            _directory: directory,
        })
    }

    /// Lets the source's users make a few mistakes.
    async fn mistakes(&mut self) -> Result<()> {
        let few: Vec<_> = self.odd.by_ref().take(3).collect();
        load::send(&self.source.url("postgres"), few).await
    }

    /// The URL of the newest rows.
    fn newest_url(&self, limit: usize) -> String {
        self.ingester_config.http_url(&format!("/api/v1/logs?limit={limit}"))
    }

    /// A command line that opens `psql` on the store.
    fn psql_line(&self) -> String {
        let own =
            self.store.server().and_then(|server| server.psql_command(self.database.name()).ok());
        match (in_path("psql"), own) {
            (None, Some(own)) => {
                let words: Vec<_> =
                    own.get_args().map(|word| word.to_string_lossy()).take(3).collect();
                let program = own.get_program().to_string_lossy().into_owned();
                format!("{program} {} {}", words.join(" "), self.database.url())
            }
            _ => format!("psql {}", self.database.url()),
        }
    }

    /// Ends the load, and the source in an orderly way, so that all that it wrote stands in its files; returns their records.
    fn end_source(&mut self) -> Result<u64> {
        self.pgbench.kill9()?;
        self.source.stop(StopMode::Fast)?;
        let mut records = 0;
        for path in self.csvlog_files()? {
            records += csv_truth::read_file(&path)?.len() as u64;
        }
        Ok(records)
    }

    fn csvlog_files(&self) -> Result<Vec<PathBuf>> {
        let entries =
            std::fs::read_dir(self.source.log_dir()).context("list the source's log directory")?;
        let paths = entries.flatten().map(|entry| entry.path());
        Ok(paths
            .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
            .collect())
    }

    /// Ends the services in an orderly way, the collector first; each must say that it went well.
    fn stop(mut self) -> Result<()> {
        self.pgbench.kill9()?;
        for (name, process) in
            [("collector", &mut self.collector), ("ingester", &mut self.ingester)]
        {
            let begun = Instant::now();
            let status = process.terminate_and_wait(STOP_TIMEOUT)?;
            ensure!(status.success(), "the {name} ended with {status}\n{}", process.log_tail());
            step(&format!("the {name} stopped in {:.1} s", begun.elapsed().as_secs_f64()));
        }
        Ok(())
    }

    fn log_tails(&self) -> String {
        [&self.collector, &self.ingester, &self.pgbench].map(Process::log_tail).join("\n")
    }
}

fn step(what: &str) {
    println!("{what}");
}
