//! A connection of which no more than so many bytes are read. The driver takes a row into memory as a whole, however large the server
//! makes it; with a statement that somebody else wrote, that is for the reader to bound.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_postgres::{CancelToken, Client, Config};
use tokio_util::either::Either;

use super::pool::{PoolError, describe};
use super::tls::Tls;

/// Where a server is, as it was found.
#[derive(Debug, Clone)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Unix(std::path::PathBuf),
}

type Wire = Either<TcpStream, UnixStream>;

impl Address {
    async fn dial(&self) -> io::Result<Wire> {
        Ok(match self {
            Self::Tcp(address) => {
                let socket = TcpStream::connect(address).await?;
                socket.set_nodelay(true)?;
                Either::Left(socket)
            }
            Self::Unix(path) => Either::Right(UnixStream::connect(path).await?),
        })
    }
}

/// The connection. Dropped, it is closed, and what runs on it is cancelled.
pub(super) struct Metered {
    pub(super) client: Client,
    exhausted: Arc<AtomicBool>,
    task: Option<JoinHandle<()>>,
    address: Address,
    host: String,
    tls: Tls,
}

impl Metered {
    /// Connects as `config` says, whose host is at this address.
    pub(super) async fn connect(
        config: &Config,
        address: Address,
        host: &str,
        tls: &Tls,
        most: u64,
    ) -> Result<Self, PoolError> {
        let exhausted = Arc::<AtomicBool>::default();
        let socket = address.dial().await.map_err(PoolError::Unreachable)?;
        let socket = Meter { socket, left: most, exhausted: Arc::clone(&exhausted) };
        let (client, connection) = config.connect_raw(socket, tls.handshake(host)).await?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = describe(&error), "a connection to the database ended");
            }
        });
        let (host, tls) = (host.to_owned(), tls.clone());
        Ok(Self { client, exhausted, task: Some(task), address, host, tls })
    }

    /// Whether reading ended because all was read that may be.
    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Acquire)
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        let Some(task) = self.task.take() else { return };
        let token = self.client.cancel_token();
        let (address, handshake) = (self.address.clone(), self.tls.handshake(&self.host));
        // Without a runtime the process is ending, and the connection with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = cancel(&token, &address, handshake).await {
                    tracing::debug!(%error, "a statement could not be cancelled");
                }
                task.abort();
            });
        }
    }
}

async fn cancel(
    token: &CancelToken,
    address: &Address,
    handshake: super::tls::Handshake,
) -> Result<(), PoolError> {
    let socket = address.dial().await.map_err(PoolError::Unreachable)?;
    Ok(token.cancel_query_raw(socket, handshake).await?)
}

struct Meter {
    socket: Wire,
    left: u64,
    exhausted: Arc<AtomicBool>,
}

impl AsyncRead for Meter {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            self.exhausted.store(true, Ordering::Release);
            return Poll::Ready(Err(io::Error::other("more was sent than may be read")));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.socket).poll_read(context, buf);
        let read = buf.filled().len() - before;
        self.left = self.left.saturating_sub(read as u64);
        polled
    }
}

impl AsyncWrite for Meter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
