//! Makes the connection.

use std::{io, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{net::TcpStream, time::timeout};

use crate::config::ShipConfig;

/// An idle connection is probed after this long: a peer that vanished without a word is noticed, and
/// address translation on the way keeps its entry.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Resolves the name and connects to the first address that answers.
pub async fn connect(config: &ShipConfig) -> io::Result<TcpStream> {
    let stream = timeout(config.connect_timeout, TcpStream::connect(&config.address))
        .await
        .map_err(|_| {
            io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no connection within {:?}", config.connect_timeout),
            )
        })??;
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}
