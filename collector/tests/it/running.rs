//! A collector that runs inside the test, on a thread and a runtime of its own.

use std::{
    path::Path,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio_util::sync::CancellationToken;
use trunkline_collector::{
    config::{Config, FilesConfig},
    run::{Collector, Ended},
};

use crate::receiver::Receiver;

/// Settings for `dir/log/*.csv*`, with short waits.
pub fn config(dir: &Path, receiver: &Receiver) -> Config {
    let mut config = Config {
        state_dir: dir.join("state"),
        files: vec![FilesConfig::new(format!("{}/log/*.csv*", dir.display()))],
        shutdown_grace: Duration::from_secs(5),
        ..Config::default()
    };
    config.source.pod = Some("pod-0".into());
    config.ship.address = receiver.address.to_string().into();
    config.ship.backoff_max = Duration::from_millis(10);
    config.ship.ack_timeout = Duration::from_millis(300);
    config.chunk.age = Duration::from_millis(5);
    config.tail.poll_interval = Duration::from_millis(20);
    config.http.listen = String::new();
    config
}

pub struct Running {
    stop: CancellationToken,
    kill: CancellationToken,
    thread: JoinHandle<Option<Ended>>,
}

impl Running {
    pub fn start(config: Config) -> Self {
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        let (stopped, killed) = (stop.clone(), kill.clone());
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let file = Path::new("test.toml");
                let collector = Collector::bind(file, config, stopped).await.unwrap();
                tokio::select! {
                    ended = collector.run() => Some(ended),
                    () = killed.cancelled() => None,
                }
            })
        });
        Self { stop, kill, thread }
    }

    /// SIGTERM.
    pub async fn stop(self) {
        self.stop.cancel();
        assert_eq!(join(self.thread).await, Some(Ended::Drained));
    }

    /// As much of SIGKILL as one process allows: nothing is drained, and nothing more is written.
    pub async fn kill(self) {
        self.kill.cancel();
        join(self.thread).await;
    }
}

async fn join<T: Send + 'static>(thread: JoinHandle<T>) -> T {
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap()
}
