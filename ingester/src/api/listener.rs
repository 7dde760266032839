//! Where HTTP connections come from: the socket, or, with `[http.tls]`, those whose handshake is done.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;

use crate::tls::Tls;

/// How long a client may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Handshakes at a time; who comes then waits in the listener's backlog.
const HANDSHAKES: usize = 256;

/// Secured connections that wait to be served, which takes no time.
const WAITING: usize = 16;

/// One connection.
pub(super) type Socket = Either<TcpStream, TlsStream<TcpStream>>;

/// Connections to be served.
pub(super) enum Listener {
    Plain(TcpListener),
    Secured { done: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)> },
}

impl Listener {
    /// Takes connections until `stop`.
    pub(super) fn new(
        mut listener: TcpListener,
        tls: Option<Tls>,
        stop: &CancellationToken,
    ) -> Self {
        let Some(tls) = tls else { return Self::Plain(listener) };
        let (ready, done) = mpsc::channel(WAITING);
        tokio::spawn(tls.clone().keep(stop.clone()));
        let places = Arc::new(Semaphore::new(HANDSHAKES));
        let accepting = async move {
            while let Ok(place) = Arc::clone(&places).acquire_owned().await {
                // The trait's way: what fails for one is logged and tried again.
                let (socket, address) = axum::serve::Listener::accept(&mut listener).await;
                let (acceptor, ready) = (tls.acceptor(), ready.clone());
                tokio::spawn(async move {
                    let shaking = tokio::time::timeout(HANDSHAKE, acceptor.accept(socket)).await;
                    match shaking {
                        Ok(Ok(secured)) => drop(ready.send((secured, address)).await),
                        Ok(Err(error)) => tracing::debug!(%address, %error, "no TLS handshake"),
                        Err(_) => tracing::debug!(%address, "no TLS handshake in time"),
                    }
                    drop(place);
                });
            }
        };
        let stop = stop.clone();
        tokio::spawn(async move { stop.run_until_cancelled(accepting).await });
        Self::Secured { done }
    }
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

impl Listener {
    pub(super) async fn accept(&mut self) -> (Socket, SocketAddr) {
        match self {
            Self::Plain(listener) => {
                let (socket, address) = axum::serve::Listener::accept(listener).await;
                (Either::Left(socket), address)
            }
            Self::Secured { done } => match done.recv().await {
                Some((secured, address)) => (Either::Right(secured), address),
                // Stopped: nobody comes any more.
                None => std::future::pending().await,
            },
        }
    }
}
