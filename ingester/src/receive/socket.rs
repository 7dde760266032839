//! The two halves of a connection, whatever carries it.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

/// A connection as it was accepted.
#[derive(Debug)]
pub(super) enum Socket {
    /// From another machine, or this one.
    Tcp(TcpStream),
    /// From a process on this machine.
    Unix(UnixStream),
}

/// The half that is read.
pub(super) enum Reader {
    /// Allocates only when there is something to read: an idle connection holds no memory.
    Tcp(OwnedReadHalf),
    /// Anything else.
    Other(Box<dyn AsyncRead + Send + Unpin>),
}

/// The half that is written.
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// A connection's halves, without TLS.
pub(super) fn plain(socket: Socket) -> (Reader, Writer) {
    match socket {
        Socket::Tcp(socket) => {
            let (reader, writer) = socket.into_split();
            (Reader::Tcp(reader), Box::new(writer))
        }
        Socket::Unix(socket) => {
            let (reader, writer) = socket.into_split();
            (Reader::Other(Box::new(reader)), Box::new(writer))
        }
    }
}

/// The halves of one with TLS.
pub(super) fn secured(socket: TlsStream<TcpStream>) -> (Reader, Writer) {
    let (reader, writer) = tokio::io::split(socket);
    (Reader::Other(Box::new(reader)), Box::new(writer))
}

impl Reader {
    /// Reads at most `room` bytes behind those in `buf`; 0 at the end. May be dropped while it waits.
    pub(super) async fn read(&mut self, buf: &mut BytesMut, room: usize) -> io::Result<usize> {
        match self {
            Self::Tcp(reader) => loop {
                reader.readable().await?;
                buf.reserve(room);
                match reader.try_read_buf(buf) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return result,
                }
            },
            Self::Other(reader) => {
                buf.reserve(room);
                reader.read_buf(buf).await
            }
        }
    }
}
