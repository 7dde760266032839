//! The service as a whole: bind, run, drain.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::api::{self, Access, Api};
use crate::audit::{self, Audit};
use crate::config::{self, Config};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::receive::forbidden::Notes;
use crate::receive::{self, Credentials, ForeignSenders, Listeners, Memory, Route, Routes};
use crate::shards::Shards;
use crate::store::query::tail::Tail;
use crate::store::{Logins, OpenError, Pool};
use crate::tls::{Names, Tls};

mod shard;

use shard::Shard;

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
    http_tls: Option<Tls>,
    shards: Shards,
    queries: Pool,
    access: Access,
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
    /// One of several databases is there, and can't be used.
    #[error("shard {shard}: {source}")]
    OpenShard {
        /// Its name.
        shard: Arc<str>,
        /// What is wrong.
        source: OpenError,
    },
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
        let shards = Shards::build(&config.shards)?;
        let reader = config.database.reader_url()?;
        let queries = Pool::for_queries(&config.database, reader, config.http.query_timeout);
        let logins = Logins::new(&config.database, config.http.query_timeout)?;
        let access = Access::new(&config.http, Pool::for_access(reader), logins)?;
        let tls =
            config.forward.tls.as_ref().map(|tls| Tls::load(tls, Names::FORWARD)).transpose()?;
        let http_tls =
            config.http.tls.as_ref().map(|tls| Tls::load(tls, Names::HTTP)).transpose()?;
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
        Ok(Self {
            config,
            forward,
            heartbeats,
            tls,
            credentials,
            routes,
            http,
            http_tls,
            shards,
            queries,
            access,
        })
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
        let Self {
            config,
            forward,
            heartbeats,
            tls,
            credentials,
            routes,
            http,
            http_tls,
            shards,
            queries,
            access,
        } = self;
        let (metrics, health) = (Metrics::default(), Health::default());
        let tasks = TaskTracker::new();
        let limits = config.forward.limits();
        let shards = Arc::new(shards);
        let (notes, noted) = Notes::new(shards.names().count());
        let (mut targets, mut storing) = (Vec::new(), JoinSet::new());
        // Each says once that it is open, and the first is enough.
        let (opened, mut open) = watch::channel(false);
        for (shard, notes) in
            Shard::all(&config, &shards, &metrics, &health)?.into_iter().zip(noted)
        {
            let (target, queue) = shard.queue();
            targets.push(target);
            let span = match shard.name() {
                Some(name) => tracing::info_span!("shard", %name),
                None => tracing::Span::none(),
            };
            let running = shard.run(queue, notes, opened.clone(), stop.clone(), tasks.clone());
            storing.spawn(tasks.track_future(running).instrument(span));
        }
        drop(opened);
        tracing::info!(
            forward = %config.forward.listen,
            http = %config.http.listen,
            database = config.database.url.as_ref().map(ToString::to_string),
            shards = config.shards.len(),
            "started"
        );
        let audited = config.http.is_audited().then(|| Audit::new(metrics.clone()));
        let (audit, audited) = audited.unzip();
        let watching = Pool::for_watching(config.database.reader_url()?, config.http.query_timeout);
        let api = Api {
            all: queries,
            access,
            audit,
            searches: Pool::for_searches(config.database.url()?),
            query_timeout: config.http.query_timeout,
            export_timeout: config.http.export_timeout,
            sql_rows: config.http.sql_rows,
            sql_bytes: config.http.sql_bytes.as_u64(),
            tail: Tail::new(watching, config.http.tail_behind, stop.clone()),
            watchers: Arc::new(Semaphore::new(config.http.tail_clients)),
            cors_origins: config.http.cors_origins.clone(),
            metrics: metrics.clone(),
            health,
        };
        let serving = api::serve(http, http_tls, api, config.http.connections(), stop.clone());
        let mut api = tasks.spawn(serving.instrument(tracing::info_span!("http")));

        let is_open = tokio::select! {
            biased;
            () = stop.cancelled() => false,
            ended = ended(&mut storing) => return Err(ended),
            _ = &mut api => return Err(Error::Ended("the HTTP server")),
            is_open = open.wait_for(|is_open| *is_open).map(|is_open| is_open.is_ok()) => match is_open {
                true => true,
                // Nobody is left who could say so; why, the first that ended knows.
                false => return Err(ended(&mut storing).await),
            },
        };
        if is_open {
            if config.http.is_unset() {
                tracing::warn!(
                    listen = %config.http.listen,
                    "http.access isn't set: queries are answered to this machine's programs only, whichever they are"
                );
            }
            // A connection's part has room for the largest message of each shard.
            let largest = limits.max_message.saturating_mul(targets.len());
            let context = receive::Context {
                limits,
                memory: Memory::new(config.forward.memory, largest, targets.len(), metrics.clone()),
                route: Route::new(shards, targets),
                metrics: metrics.clone(),
                foreign: ForeignSenders::new(routes, limits),
                tls: tls.clone(),
                notes,
                credentials: Arc::new(credentials),
                hostname: config.forward.hostname.clone().unwrap_or_else(host_name).into(),
                handshake_timeout: config.forward.handshake_timeout,
                message_timeout: config.forward.message_timeout,
            };
            if let Some(entries) = audited {
                let host = host_name().into();
                let (route, memory) = (context.route.clone(), context.memory.clone());
                let writing =
                    audit::write(entries, host, route, memory, metrics.clone(), stop.clone());
                tasks.spawn(writing.instrument(tracing::info_span!("audit")));
            }
            if let Some(tls) = tls {
                tasks.spawn(tls.keep(stop.clone()));
            }
            if let Some(socket) = heartbeats {
                tasks.spawn(receive::answer_heartbeats(socket, stop.clone()));
            }
            let forward_config = &config.forward;
            let places = receive::Places::new(
                forward_config.max_connections,
                forward_config.max_connections_per_address,
            );
            tasks.spawn(receive::listen(forward, places, context, stop.clone(), tasks.clone()));
            // In this order: a stop ends the others too.
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                ended = ended(&mut storing) => return Err(ended),
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

/// Why a shard ended, which it never does by itself while the service runs.
async fn ended(storing: &mut JoinSet<Result<(), Error>>) -> Error {
    match storing.join_next().await {
        Some(Ok(Err(error))) => error,
        _ => Error::Ended("a writer"),
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
