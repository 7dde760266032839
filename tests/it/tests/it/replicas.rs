//! Three ingesters behind one name: any of them may be killed at any time, and each record is one row.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use trunkline_harness::wait::eventually_true;
use trunkline_harness::{Binary, CollectorConfig, IngesterConfig, Process, Store};
use trunkline_it::{PATIENCE, csvlog_record};

const REPLICAS: usize = 3;
const COLLECTORS: usize = 4;

/// A replica that is killed and started again on the same port, as its pod keeps its place behind a Service.
struct Replica {
    config: IngesterConfig,
    process: Option<Process>,
}

impl Replica {
    fn start(&mut self, directory: &Path) {
        let config = self.config.write(directory).unwrap();
        let log = directory.join("ingester.log");
        self.process = Some(Process::run(Binary::Ingester, &config, &log).unwrap());
    }

    async fn is_ready(&self) {
        eventually_true("a replica to be ready", PATIENCE, || async {
            let answer = reqwest::get(self.config.http_url("/health/ready")).await?;
            Ok(answer.status().is_success())
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", self.log()));
    }

    fn log(&self) -> String {
        self.process.as_ref().map(Process::log_tail).unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_of_three_replicas_may_be_killed_at_a_time() {
    let (directory, database) = (tempfile::tempdir().unwrap(), Store::database().await.unwrap());
    let of = |number: usize| directory.path().join(format!("replica-{number}"));
    let mut replicas = Vec::new();
    for number in 0..REPLICAS {
        let config = IngesterConfig::new(database.url()).unwrap();
        let mut replica = Replica { config, process: None };
        // All at once over an empty database.
        replica.start(&of(number));
        replicas.push(replica);
    }
    // What a headless Service's name stands for; a collector begins with any, and goes on with the next.
    let addresses: Vec<_> = replicas.iter().map(|one| one.config.forward_address()).collect();
    let (mut collectors, mut files) = (Vec::new(), Vec::new());
    for number in 0..COLLECTORS {
        let directory = directory.path().join(format!("collector-{number}"));
        let path = directory.join("server.csv");
        let config = CollectorConfig::new(&addresses[0], &directory.join("state"))
            .unwrap()
            .set("ship.address", addresses.clone())
            .set("ship.backoff_max", "200ms")
            .set("source.pod", format!("orders-{number}"))
            .files(&path.display().to_string(), "csvlog")
            .write(&directory)
            .unwrap();
        files.push(OpenOptions::new().create(true).append(true).open(path).unwrap());
        let log = directory.join("collector.log");
        collectors.push(Process::run(Binary::Collector, &config, &log).unwrap());
    }

    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let stop = Arc::clone(&stop);
        tokio::task::spawn_blocking(move || {
            let mut records = 0;
            while !stop.load(Ordering::Relaxed) {
                for (number, file) in files.iter_mut().enumerate() {
                    // A first line of its own makes a file a stream of its own.
                    let text: String = (records..records + 20)
                        .map(|at| csvlog_record(at, "LOG", &format!("{number}: {at}")))
                        .collect();
                    file.write_all(text.as_bytes()).unwrap();
                }
                records += 20;
                std::thread::sleep(Duration::from_millis(20));
            }
            records
        })
    };
    for round in 0..2 * REPLICAS {
        for replica in &replicas {
            replica.is_ready().await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let victim = round % REPLICAS;
        replicas[victim].process.as_mut().unwrap().kill9().unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        replicas[victim].start(&of(victim));
    }
    stop.store(true, Ordering::Relaxed);
    let records: u32 = writer.await.unwrap();

    let client = database.connect().await.unwrap();
    let all = i64::from(records) * COLLECTORS as i64;
    let sql = "SELECT count(*), count(DISTINCT (stream, position)), count(DISTINCT message), \
               (SELECT sum(gaps)::bigint FROM log.stream), (SELECT count(*) FROM log.rejected) FROM log.postgres";
    eventually_true("each record to be one row", PATIENCE, || async {
        let row = client.query_one(sql, &[]).await?;
        let counts: [i64; 5] = std::array::from_fn(|column| row.get(column));
        anyhow::ensure!(counts == [all, all, all, 0, 0], "{counts:?}, not {all}");
        Ok(true)
    })
    .await
    .unwrap_or_else(|error| {
        let logs: String = replicas.iter().map(Replica::log).collect();
        panic!("{error:#}\n{logs}")
    });
}
