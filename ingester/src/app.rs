//! The service as a whole: bind, run, drain.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::api::{self, Api};
use crate::config::{self, Config};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::receive::forbidden::Notes;
use crate::receive::{self, Credentials, ForeignSenders, Listeners, Memory, Route, Routes, Tls};
use crate::store::{self, OpenError, Pool, Writer};

/// Forward chunks that wait for one writer. Enough to fill the next batch while one is being stored, even from tiny forward chunks;
/// what bounds memory is [`Memory`].
const WRITER_QUEUE: usize = 1_024;

/// A service whose addresses are bound.
#[derive(Debug)]
pub struct Ingester {
    config: Config,
    forward: Listeners,
    heartbeats: Option<UdpSocket>,
    tls: Option<Tls>,
    credentials: Credentials,
    routes: Routes,
    http: TcpListener,
    writers: Pool,
    queries: Pool,
}

/// Why the service doesn't run, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// An address that isn't free, or isn't ours.
    #[error("{setting}: can't listen on {address}: {source}")]
    Bind {
        /// The key, with its table.
        setting: &'static str,
        /// Its value.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A Unix socket that can't be made.
    #[error("forward.unix: can't listen on {path}: {source}")]
    BindUnix {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database is there, and can't be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A task that should have gone on ended.
    #[error("{0} ended unexpectedly")]
    Ended(&'static str),
}

impl Error {
    /// Whether it is something that whoever starts the service has to mend, rather than a failure while running.
    pub fn is_configuration(&self) -> bool {
        !matches!(self, Self::Ended(_))
    }
}

impl Ingester {
    /// Takes the addresses, so that one that isn't free shows before anything else happens.
    pub async fn bind(config: Config) -> Result<Self, Error> {
        let url = config.database.url()?;
        let writers = Pool::for_writers(&config.database, url);
        let queries = Pool::for_queries(&config.database, url, config.http.query_timeout);
        let tls = config.forward.tls.as_ref().map(Tls::load).transpose()?;
        let credentials = Credentials::build(&config.forward.credentials)?;
        let routes = Routes::build(&config.forward.routes)?;
        let (address, setting) = (config.forward.listen, "forward.listen");
        let bind = |source| Error::Bind { setting, address, source };
        let tcp = receive::bind(address).map_err(bind)?;
        let heartbeats = if config.forward.udp_heartbeat {
            let address = tcp.local_addr().map_err(bind)?;
            Some(UdpSocket::bind(address).await.map_err(bind)?)
        } else {
            None
        };
        let unix = config.forward.unix.as_ref().map(|path| {
            receive::bind_unix(path)
                .map_err(|source| Error::BindUnix { path: path.clone(), source })
        });
        let forward = Listeners { tcp, unix: unix.transpose()? };
        let (address, setting) = (config.http.listen, "http.listen");
        let http = TcpListener::bind(address).await.map_err(|source| Error::Bind {
            setting,
            address,
            source,
        })?;
        Ok(Self { config, forward, heartbeats, tls, credentials, routes, http, writers, queries })
    }

    /// Where Forward connections are taken: the configured address, with the port that the system chose for port 0.
    pub fn forward_address(&self) -> io::Result<SocketAddr> {
        self.forward.tcp.local_addr()
    }

    /// Where HTTP is served, likewise.
    pub fn http_address(&self) -> io::Result<SocketAddr> {
        self.http.local_addr()
    }

    /// Runs until `stop`, then stores and answers what is in hand, within the time that the configuration grants.
    ///
    /// Connections are accepted once the database's schema is up to date; until then they wait in the listener's backlog.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let Self { config, forward, heartbeats, tls, credentials, routes, http, writers, queries } =
            self;
        let (metrics, health) = (Metrics::default(), Health::default());
        let tasks = TaskTracker::new();
        health.set(store::HEALTH, "the database has not been reached yet");
        tracing::info!(
            forward = %config.forward.listen,
            http = %config.http.listen,
            database = config.database.url.as_ref().map(ToString::to_string),
            "started"
        );
        let api = Api { pool: queries, metrics: metrics.clone(), health: health.clone() };
        let mut api = tasks
            .spawn(api::serve(http, api, stop.clone()).instrument(tracing::info_span!("http")));

        let is_open = tokio::select! {
            biased;
            is_open = store::open(&writers, &health, &stop) => is_open?,
            _ = &mut api => return Err(Error::Ended("the HTTP server")),
        };
        let mut storing = FuturesUnordered::new();
        if is_open {
            let limits = config.forward.limits();
            let mut queues = Vec::new();
            for index in 0..config.database.connections {
                let (sender, queue) = mpsc::channel(WRITER_QUEUE);
                queues.push(sender);
                let (pool, metrics, health) = (writers.clone(), metrics.clone(), health.clone());
                let writer = Writer::new(index, queue, config.batch, pool, limits, metrics, health);
                storing.push(
                    tasks.spawn(writer.run().instrument(tracing::info_span!("writer", index))),
                );
            }
            let (notes, noted) = Notes::new();
            tasks.spawn(store::write_notes(writers.clone(), noted, stop.clone()));
            let context = receive::Context {
                limits,
                memory: Memory::new(config.forward.memory, limits.max_message, metrics.clone()),
                route: Route::new(queues, metrics.clone()),
                metrics: metrics.clone(),
                foreign: ForeignSenders::new(routes, limits),
                tls: tls.clone(),
                notes,
                credentials: Arc::new(credentials),
                hostname: config.forward.hostname.clone().unwrap_or_else(host_name).into(),
                handshake_timeout: config.forward.handshake_timeout,
                message_timeout: config.forward.message_timeout,
            };
            tasks.spawn(store::forget_delivered(
                writers.clone(),
                config.forward.remember_chunks,
                stop.clone(),
            ));
            if let Some(tls) = tls {
                tasks.spawn(tls.keep(stop.clone()));
            }
            if let Some(socket) = heartbeats {
                tasks.spawn(receive::answer_heartbeats(socket, stop.clone()));
            }
            let max_connections = config.forward.max_connections;
            tasks.spawn(receive::listen(
                forward,
                max_connections,
                context,
                stop.clone(),
                tasks.clone(),
            ));
            // In this order: a stop ends the others too.
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                _ = storing.next() => return Err(Error::Ended("a writer")),
                _ = &mut api => return Err(Error::Ended("the HTTP server")),
            }
        }
        tracing::info!(grace = ?config.shutdown_grace, "stopping");
        tasks.close();
        match tokio::time::timeout(config.shutdown_grace, tasks.wait()).await {
            Ok(()) => tracing::info!("stopped"),
            Err(_) => tracing::warn!(
                unacked_chunks = metrics.unacked_chunks.get(),
                "stopped with work left over; senders keep what was not acknowledged"
            ),
        }
        Ok(())
    }
}

/// The host's name as the kernel knows it.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "trunkline-ingester".to_owned(),
        name => name.to_owned(),
    }
}
