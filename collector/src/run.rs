//! The collector's life: build, bind, run, drain.

use std::{net::SocketAddr, path::Path, sync::Arc, thread, time::Instant};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Dispatch;

use crate::{
    checkpoint::{self, Checkpoint, StateDir, StateDirError},
    config::{Config, ConfigError},
    destination::Destination,
    discover::{kubernetes::Watch, patroni::Patroni},
    metrics::Metrics,
    outbox::{Inbox, outbox},
    ship::Ship,
    sources::Sources,
    spool::Spool,
    status::{self, Status},
    streams::Streams,
    tail::{self, Tail, Wake},
};

/// Why the collector doesn't start. Each is one line, and exit status 2.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The state directory can't be used.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// The checkpoint is there and can't be read.
    #[error("state_dir: {path}: cannot be read: {source}")]
    Checkpoint {
        /// The checkpoint file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The status endpoint's port is taken.
    #[error("http.listen: {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gives no thread or no signal handler.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything that was read is acknowledged, or the grace period is over.
    Drained,
    /// A second signal.
    AtOnce,
    /// Reading broke down; the log says how.
    Failed,
}

/// Runs until SIGTERM or SIGINT, and drains.
pub async fn run(file: &Path, config: Config) -> Result<Ended, StartError> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let collector = Collector::bind(file, config, stop.clone()).await?;
    let life = collector.run();
    tokio::pin!(life);
    tokio::select! {
        ended = &mut life => return Ok(ended),
        _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
        _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
    }
    stop.cancel();
    tokio::select! {
        ended = &mut life => Ok(ended),
        _ = terminate.recv() => Ok(Ended::AtOnce),
        _ = interrupt.recv() => Ok(Ended::AtOnce),
    }
}

/// A collector that holds everything it needs.
pub struct Collector {
    config: Config,
    state_dir: StateDir,
    streams: Arc<Streams>,
    spool: Option<Spool>,
    sources: Arc<Sources>,
    patroni: Option<Patroni>,
    listener: Option<TcpListener>,
    wake: Wake,
    metrics: Metrics,
    stop: CancellationToken,
}

impl Collector {
    /// Opens the state directory, reads the checkpoint and binds the status endpoint. `file` is the
    /// configuration's, for messages.
    pub async fn bind(
        file: &Path,
        config: Config,
        stop: CancellationToken,
    ) -> Result<Self, StartError> {
        let wake = Wake::new()?;
        let sources = Sources::of(file, &config, Some(wake.clone()))?;
        let state_dir = StateDir::open(&config.state_dir)?;
        let checkpoint = Checkpoint::new(&state_dir);
        let remembered = checkpoint.load().map_err(|source| StartError::Checkpoint {
            path: checkpoint.path().display().to_string(),
            source,
        })?;
        let source = (*sources.own().source()).clone();
        tracing::info!(
            ?source, state_dir = %state_dir.path().display(), streams = remembered.len(),
            compressed = config.ship.compresses(), version = env!("CARGO_PKG_VERSION"), "starting"
        );
        let listener =
            match config.http.listen.as_str() {
                "" => None,
                address => Some(TcpListener::bind(address).await.map_err(|source| {
                    StartError::Listen { address: address.to_owned(), source }
                })?),
            };
        let (streams, metrics) = (Streams::new(source, remembered), Metrics::default());
        let spool = Spool::open(
            &config.spool,
            &state_dir.path().join("spool"),
            &streams,
            &tail::still_there(sources.sections()),
            metrics.spool.clone(),
        );
        Ok(Self {
            streams: Arc::new(streams),
            spool,
            patroni: Patroni::new(&config.patroni, Arc::clone(sources.own())),
            sources: Arc::new(sources),
            wake,
            metrics,
            config,
            state_dir,
            listener,
            stop,
        })
    }

    /// Where the status endpoint listens.
    pub fn status_address(&self) -> Option<SocketAddr> {
        self.listener.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Collects until `stop`, then drains: reads no more, ships what is framed, waits for acks within
    /// the grace period, writes the checkpoint.
    pub async fn run(mut self) -> Ended {
        let config = self.config.ship.clone();
        let spool = (self.config.spool.clone(), self.spool.take());
        self.run_into(|inbox, streams, metrics| {
            Ship::new(config, spool, Arc::clone(streams), inbox, metrics.clone())
        })
        .await
    }

    /// The same with another place to go to, which is made of the way to it.
    pub async fn run_into<D: Destination>(
        self,
        destination: impl FnOnce(Inbox, &Arc<Streams>, &Metrics) -> D,
    ) -> Ended {
        let Self { config, state_dir, streams, sources, .. } = self;
        let Self { patroni, listener, wake, metrics, stop, .. } = self;
        let tracker = TaskTracker::new();
        let ended = CancellationToken::new();
        let checkpoint = Checkpoint::new(&state_dir);
        tracker.spawn(checkpoint::keep(
            checkpoint.clone(),
            Arc::clone(&streams),
            metrics.clone(),
            ended.clone(),
        ));
        if let Some(listener) = listener {
            let status = Status {
                metrics: metrics.clone(),
                streams: Arc::clone(&streams),
                sources: Arc::clone(&sources),
                patroni: patroni.as_ref().map(Patroni::shown),
                address: config.ship.address.to_string().into(),
                window: config.ship.window.as_u64(),
                spool: config.spool.clone(),
                started: Instant::now(),
            };
            tracker.spawn(status::serve(listener, status, ended.clone()));
        }
        // It goes on while the collector drains: what is packed then has a source, too.
        if let Some(mut patroni) = patroni {
            // One answer before the first forward chunk, if it comes at once.
            patroni.ask().await;
            tracker.spawn(patroni.run(ended.clone()));
        }
        if sources.pod_logs().is_some() {
            let watch = Watch::new(&config.kubernetes, Arc::clone(&sources));
            tracker.spawn(watch.run(ended.clone()));
        }
        tracker.close();

        let (outbox, inbox) = outbox(wake.clone());
        let tail = Tail::new(
            &config,
            Arc::clone(&streams),
            Arc::clone(&sources),
            outbox,
            wake.clone(),
            metrics.clone(),
            stop.clone(),
        );
        // It logs where this one does.
        let log = tracing::dispatcher::get_default(Dispatch::clone);
        let run = move || tracing::dispatcher::with_default(&log, || tail.run());
        let thread = match thread::Builder::new().name("tail".into()).spawn(run) {
            Ok(thread) => thread,
            Err(error) => {
                tracing::error!(%error, "no thread for reading");
                return Ended::Failed;
            }
        };
        let mut destination = destination(inbox, &streams, &metrics);
        let grace = config.shutdown_grace;
        let grace_over = async {
            stop.cancelled().await;
            wake.ring();
            sleep(grace).await;
        };
        tokio::select! {
            () = destination.run() => {}
            () = grace_over => {}
        }
        let (unacked, left) = (destination.unacked(), destination.put_away());
        // Its end lets the tail thread end, should it wait for room.
        drop(destination);
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        ended.cancel();
        tracker.wait().await;
        checkpoint::write(&checkpoint, &streams, &metrics).await;
        drop(state_dir);
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the tail thread ended by a panic");
            return Ended::Failed;
        }
        if unacked == 0 {
            tracing::info!("stopped; everything that was read is acknowledged");
        } else if left == 0 {
            tracing::info!(
                unacked,
                ?grace,
                "stopped without all acks; what is missing is in the spool"
            );
        } else {
            tracing::warn!(
                unacked,
                ?grace,
                "stopped without all acks; what is missing will be read again"
            );
        }
        Ended::Drained
    }
}
