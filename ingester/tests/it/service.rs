//! A running service with a database of its own.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use trunkline_harness::{Database, Store};
use trunkline_ingester::app::{Error, Ingester};
use trunkline_ingester::config::Config;
use trunkline_record::StreamId;

use crate::sender::Sender;

/// Longer than anything takes that doesn't hang.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Service {
    pub forward: SocketAddr,
    pub http: SocketAddr,
    pub stop: CancellationToken,
    pub running: JoinHandle<Result<(), Error>>,
}

impl Service {
    /// With the defaults but for `change`, on ports of its own.
    pub async fn start(database: &Database, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.database.url = Some(database.url().parse().unwrap());
        config.forward.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        // What tests send has times of its own.
        config.database.log_time_past = Duration::MAX;
        config.database.log_time_future = Duration::MAX;
        change(&mut config);
        let ingester = Ingester::bind(config).await.unwrap();
        let (forward, http) =
            (ingester.forward_address().unwrap(), ingester.http_address().unwrap());
        let stop = CancellationToken::new();
        let running = tokio::spawn(ingester.run(stop.clone()));
        let service = Self { forward, http, stop, running };
        eventually("the service to be ready", async || {
            service.status("/health/ready").await == 200
        })
        .await;
        service
    }

    pub async fn sender(&self, stream: u8) -> Sender {
        Sender::connect(self.forward, StreamId([stream; 16])).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    pub async fn status(&self, path: &str) -> u16 {
        reqwest::get(self.url(path)).await.unwrap().status().as_u16()
    }

    /// The value of one metric, by its name with its labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = reqwest::get(self.url("/metrics")).await.unwrap().text().await.unwrap();
        let line =
            text.lines().find_map(|line| line.strip_prefix(&format!("trunkline_ingester_{name} ")));
        line.unwrap_or_else(|| panic!("{name} in\n{text}")).parse().unwrap()
    }

    /// Stops it, as SIGTERM does.
    pub async fn stopped(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.running).await.unwrap().unwrap().unwrap();
    }
}

/// A database of its own, with a service over it and a connection to look into it.
pub async fn start(change: impl FnOnce(&mut Config)) -> (Service, Client, Database) {
    let database = Store::database().await.unwrap();
    let service = Service::start(&database, change).await;
    let client = database.connect().await.unwrap();
    (service, client, database)
}

/// Waits until `done`.
pub async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"));
}

/// One number from the database.
pub async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// Gives each hypertable chunk its indexes, as sealing does.
pub async fn seal(client: &Client) {
    client.batch_execute("SELECT log.unsealed('2099-01-01', '0')").await.unwrap();
    let statements =
        "SELECT replace(statement, ' CONCURRENTLY', '') FROM log.unsealed('2099-01-01', '0')";
    for row in &client.query(statements, &[]).await.unwrap() {
        client.batch_execute(row.get(0)).await.unwrap();
    }
}
