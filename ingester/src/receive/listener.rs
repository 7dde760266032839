//! Accepts connections until told to stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use trunkline_forward::Limits;

use super::{Memory, Route, connection};
use crate::metrics::Metrics;

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

/// Serves connections on `listener` until `stop`. Connections run on `tasks`.
pub async fn listen(
    listener: TcpListener,
    max_connections: usize,
    context: Context,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(max_connections));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::error!(%error, "can't accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            context.metrics.refused("connections");
            tracing::warn!(%peer, max_connections, "connection refused: too many connections");
            continue;
        };
        let context = context.clone();
        let stop = stop.clone();
        tasks.spawn(
            async move {
                context.metrics.connections.inc();
                connection::serve(socket, &context, &stop).await;
                context.metrics.connections.dec();
                drop(place);
            }
            .instrument(tracing::info_span!("connection", %peer)),
        );
    }
}
