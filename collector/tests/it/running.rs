//! A collector that runs inside the test.

use std::{path::Path, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trunkline_collector::{
    config::{Config, FilesConfig},
    run::{Collector, Ended},
};

use crate::receiver::Receiver;

/// Settings for `dir/log/*`, with short waits.
pub fn config(dir: &Path, receiver: &Receiver) -> Config {
    let mut config = Config {
        state_dir: dir.join("state"),
        files: vec![FilesConfig {
            path: format!("{}/log/*.csv*", dir.display()),
            format: "csvlog".into(),
            log_timezone: None,
        }],
        shutdown_grace: Duration::from_secs(5),
        ..Config::default()
    };
    config.source.pod = Some("pod-0".into());
    config.ship.address = receiver.address.to_string();
    config.ship.backoff_max = Duration::from_millis(10);
    config.ship.ack_timeout = Duration::from_millis(300);
    config.chunk.age = Duration::from_millis(5);
    config.tail.poll_interval = Duration::from_millis(20);
    config.http.listen = String::new();
    config
}

pub struct Running {
    stop: CancellationToken,
    task: JoinHandle<Ended>,
}

impl Running {
    pub async fn start(config: Config) -> Self {
        let stop = CancellationToken::new();
        let collector =
            Collector::bind(Path::new("test.toml"), config, stop.clone()).await.unwrap();
        Self { stop, task: tokio::spawn(collector.run()) }
    }

    /// SIGTERM.
    pub async fn stop(self) {
        self.stop.cancel();
        assert_eq!(self.task.await.unwrap(), Ended::Drained);
    }

    /// As much of SIGKILL as one process allows: nothing is drained, nothing is written any more.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err_and(|error| error.is_cancelled()));
    }
}
