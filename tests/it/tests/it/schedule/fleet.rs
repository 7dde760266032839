//! What faults happen to: a database with a small disk, two ingesters, collectors, and a proxy on every way between them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use trunkline_harness::{
    Binary, Clock, CollectorConfig, Durability, IngesterConfig, PostgresServer, Process, Proxy,
    SmallDisk, database,
};

use super::writer::{Kind, Life, Writer};

/// Room for the rows of one schedule many times over.
const DISK_MIB: u32 = 1024;
/// A stop without a database, or without an ingester, isn't waited for any longer.
const GRACE: &str = "500ms";
const STOP: Duration = Duration::from_secs(60);

/// A process that is killed, stopped and started again.
pub struct Service {
    binary: Binary,
    config: PathBuf,
    log: PathBuf,
    /// The time of day as it sees it, also after it was started again.
    pub clock: Clock,
    process: Option<Process>,
}

impl Service {
    /// In the directory `at`.
    fn new(binary: Binary, config: PathBuf, at: &Path) -> Self {
        let clock = Clock::new(at.join("clock")).unwrap();
        Self { binary, config, log: at.join("log"), clock, process: None }
    }

    /// Starts it, unless it runs; what was asked to end has its time for that first.
    pub fn start(&mut self) {
        if let Some(mut ending) = self.process.take() {
            let status = ending.wait(STOP).unwrap();
            // 101 is a panic, more than 128 a signal; one that has just been started may not have listened for SIGTERM yet.
            let is_good = |code| code < 101 || code == 128 + 15;
            assert!(status.code().is_some_and(is_good), "{status}\n{}", ending.log_tail());
            Clock::forget(ending.pid());
        }
        let command = self.clock.command(&self.binary.run_command(&self.config).unwrap());
        self.process = Some(Process::spawn(&command, &self.log).unwrap());
    }

    pub fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?} by itself\n{}", process.log_tail());
        process.kill9().unwrap();
        Clock::forget(process.pid());
    }

    /// Asks it to end; [`Self::start`] waits for that.
    pub fn terminate(&mut self) {
        let process = self.process.as_mut().unwrap();
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?} by itself\n{}", process.log_tail());
        process.terminate().unwrap();
    }

    fn stop(&mut self) {
        self.terminate();
        let mut ending = self.process.take().unwrap();
        ending.wait(STOP).unwrap();
        Clock::forget(ending.pid());
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// A collector, and the files that it reads.
pub struct Collector {
    pub service: Service,
    pub state: PathBuf,
    writers: Vec<Writer>,
}

/// All of it.
pub struct Fleet {
    // Processes end before what they use.
    pub ingesters: Vec<Service>,
    pub collectors: Vec<Collector>,
    /// Between collectors and each ingester, and then between each ingester and the database.
    pub proxies: Vec<Proxy>,
    /// Where a tmpfs can be mounted.
    pub disk: Option<SmallDisk>,
    pub store: PostgresServer,
    /// The schedule's name, which all its pods' names begin with.
    pub name: String,
    directory: TempDir,
}

const DATABASE: &str = "faults";

impl Fleet {
    pub async fn new() -> Self {
        let store = PostgresServer::store(Durability::FastAndLoose).unwrap();
        let disk = store.small_disk(DISK_MIB);
        let client = database::connect(&store.url("postgres")).await.unwrap();
        let tablespace = match &disk {
            Ok(disk) => {
                let sql = format!("CREATE TABLESPACE small LOCATION '{}'", disk.inside().display());
                client.batch_execute(&sql).await.unwrap();
                "TABLESPACE small"
            }
            Err(error) => {
                println!("NO FULL DISKS in these schedules: {error:#}");
                ""
            }
        };
        let sql = format!("CREATE DATABASE {DATABASE} TEMPLATE template0 {tablespace}");
        client.batch_execute(&sql).await.unwrap();

        let directory = tempfile::tempdir().unwrap();
        let (mut proxies, mut databases, mut ingesters) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..2 {
            let way = Proxy::start(&format!("127.0.0.1:{}", store.port())).await.unwrap();
            let url = format!("postgres://postgres@{}/{DATABASE}?connect_timeout=2", way.address());
            let config = IngesterConfig::new(&url).unwrap().set("shutdown_grace", GRACE);
            proxies.push(Proxy::start(&config.forward_address()).await.unwrap());
            databases.push(way);
            let at = directory.path().join(format!("ingester-{number}"));
            let config = config.write(&at).unwrap();
            let mut ingester = Service::new(Binary::Ingester, config, &at);
            ingester.start();
            ingesters.push(ingester);
        }
        proxies.extend(databases);
        let name = String::new();
        Self { ingesters, collectors: Vec::new(), proxies, disk: disk.ok(), store, name, directory }
    }

    /// Makes the collectors of a schedule and starts them.
    pub fn begin(&mut self, seed: u64, random: &mut StdRng) {
        self.name = format!("s{seed}");
        for number in 0..random.random_range(1..=2) {
            let at = self.directory.path().join(format!("{}-{number}", self.name));
            let logs = at.join("logs");
            fs::create_dir_all(&logs).unwrap();
            let mut kinds = Kind::ALL.to_vec();
            kinds.extend([Kind::Csvlog].repeat(random.random_range(0..3)));
            let writers: Vec<Writer> = kinds
                .into_iter()
                .enumerate()
                .map(|(file, kind)| Writer {
                    kind,
                    path: logs.join(format!("{file}.log")),
                    key: format!("{}.{number}.{file}", self.name),
                    seed: random.random(),
                })
                .collect();
            let state = at.join("state");
            let config = self.collector_config(&at, &state, number, &writers, random);
            let mut service = Service::new(Binary::Collector, config, &at);
            service.start();
            self.collectors.push(Collector { service, state, writers });
        }
    }

    fn collector_config(
        &self,
        at: &Path,
        state: &Path,
        number: usize,
        writers: &[Writer],
        random: &mut StdRng,
    ) -> PathBuf {
        let upstreams = [self.proxies[0].address(), self.proxies[1].address()];
        let config = CollectorConfig::new("", state)
            .unwrap()
            .set("ship.address", json!(upstreams))
            .set("ship.backoff_max", "300ms")
            .set("ship.connect_timeout", "1s")
            .set("ship.ack_timeout", "2s")
            .set("ship.window", *pick(&["64 KiB", "256 KiB", "8 MiB"], random))
            .set("chunk.bytes", *pick(&["4 KiB", "32 KiB", "1 MiB"], random))
            .set("chunk.age", *pick(&["20ms", "500ms"], random))
            .set("tail.open_files", *pick(&[2, 256], random))
            .set("shutdown_grace", GRACE)
            .set("source.pod", format!("{}-{number}", self.name));
        let with_file = |config: CollectorConfig, writer: &Writer| {
            config.files(&writer.glob(), writer.kind.format())
        };
        writers.iter().fold(config, with_file).write(at).unwrap()
    }

    /// Has all files written for so long.
    pub fn write(&mut self, load: Duration) -> Vec<JoinHandle<Vec<Life>>> {
        let writers = self.collectors.iter_mut().flat_map(|collector| collector.writers.drain(..));
        writers.map(|writer| tokio::task::spawn_blocking(move || writer.write(load))).collect()
    }

    /// A connection that no proxy disturbs.
    pub async fn connect(&self) -> Client {
        database::connect(&self.store.url(DATABASE)).await.unwrap()
    }

    /// Stops the schedule's collectors and clears the tables, but not what is known of streams.
    pub async fn end(&mut self) {
        for collector in &mut self.collectors {
            collector.service.stop();
        }
        self.no_panics();
        self.collectors.clear();
        let client = self.connect().await;
        client.batch_execute("TRUNCATE log.postgres, log.patroni, log.component").await.unwrap();
    }

    /// Stops the ingesters.
    pub fn stop(&mut self) {
        self.ingesters.iter_mut().for_each(Service::stop);
        self.no_panics();
    }

    /// The collectors, and behind them the ingesters.
    pub fn services(&self) -> Vec<&Service> {
        let collectors = self.collectors.iter().map(|collector| &collector.service);
        collectors.chain(&self.ingesters).collect()
    }

    fn no_panics(&self) {
        for service in self.services() {
            assert!(!service.log().contains("panicked"), "{}", service.log());
        }
    }

    /// The ends of all logs.
    pub fn logs(&self) -> String {
        let tail = |service: &Service| Some(service.process.as_ref()?.log_tail() + "\n");
        self.services().into_iter().filter_map(tail).collect()
    }
}

fn pick<'a, T>(values: &'a [T], random: &mut StdRng) -> &'a T {
    &values[random.random_range(0..values.len())]
}
