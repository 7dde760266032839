//! Accepts connections until told to stop.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use trunkline_forward::Limits;

use super::forbidden::Notes;
use super::places::Places;
use super::socket::Socket;
use super::{Credentials, ForeignSenders, Memory, Route, connection};
use crate::metrics::Metrics;
use crate::tls::Tls;

/// What every connection works with.
#[derive(Debug, Clone)]
pub struct Context {
    /// What one message may hold.
    pub limits: Limits,
    /// What all connections together may hold.
    pub memory: Memory,
    /// Where forward chunks go.
    pub route: Route,
    /// What is counted.
    pub metrics: Metrics,
    /// What makes forward chunks of other senders' messages.
    pub foreign: ForeignSenders,
    /// TLS, where it is configured.
    pub tls: Option<Tls>,
    /// Where forward chunks of sources that their sender may not write are noted.
    pub notes: Notes,
    /// Who may send.
    pub credentials: Arc<Credentials>,
    /// What this server calls itself.
    pub hostname: Arc<str>,
    /// How long a client may take to say who it is.
    pub handshake_timeout: Duration,
    /// How long one message may take.
    pub message_timeout: Duration,
}

/// Where connections are taken.
#[derive(Debug)]
pub struct Listeners {
    /// From anywhere.
    pub tcp: TcpListener,
    /// From processes on this machine.
    pub unix: Option<UnixListener>,
}

/// Pause after a failure to accept, which is the process's want of file descriptors as a rule: connections that end free some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 1_024;

/// Takes the address. Connections whose peer has vanished are found out by the system's keepalive.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // What is accepted inherits it.
    socket.set_keepalive(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Takes the path of a Unix socket. A socket that a process left behind there is removed; one that somebody listens on isn't.
pub fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let is_socket = std::fs::symlink_metadata(path)?.file_type().is_socket();
            if !is_socket || std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
}

impl Listeners {
    async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        let unix = async {
            match &self.unix {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = self.tcp.accept() => {
                let (socket, peer) = accepted?;
                // An ack is small and somebody waits for it.
                socket.set_nodelay(true)?;
                Ok((Socket::Tcp(socket), Some(peer)))
            }
            accepted = unix => accepted.map(|(socket, _)| (Socket::Unix(socket), None)),
        }
    }
}

/// Serves connections on `listeners` until `stop`. Connections run on `tasks`.
pub async fn listen(
    listeners: Listeners,
    places: Places,
    context: Context,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listeners.accept() => accepted,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::error!(%error, "can't accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let address = peer.map(|peer| peer.ip().to_canonical());
        let place = places.take(address);
        let peer = peer.map_or_else(|| "unix".to_owned(), |peer| peer.to_string());
        let place = match place {
            Ok(place) => place,
            Err(full) => {
                context.metrics.refused(full.kind());
                tracing::warn!(%peer, reason = %full, kind = full.kind(), "connection refused");
                continue;
            }
        };
        let context = context.clone();
        let stop = stop.clone();
        tasks.spawn(
            async move {
                context.metrics.connections.inc();
                let memory = context.memory.of(address);
                connection::serve(socket, memory, &context, &stop).await;
                context.metrics.connections.dec();
                drop(place);
            }
            .instrument(tracing::info_span!("connection", %peer)),
        );
    }
}
