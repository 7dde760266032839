//! A TCP proxy that a test turns into a bad network: it cuts, holds, delays and swallows, each direction by itself.
//!
//! It copies bytes and knows nothing of what they mean. What it reads and can't pass on yet is at most [`ROOM`] bytes a direction;
//! beyond that the sender's own socket fills, as with a real network that has stalled.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::ports::free_port;

/// One read's bytes.
const ROOM: usize = 64 << 10;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From who connected to the server behind the proxy.
    ToServer,
    /// Back.
    ToClient,
}

/// What becomes of the bytes of one direction, on all connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// They go on at once.
    Pass,
    /// They go on this much later.
    Delay(Duration),
    /// They wait, and their sender with them once the buffers between are full, until there is another rule.
    Hold,
    /// They are read and vanish. Such a stream is damaged for good: cut it before it may go on.
    Swallow,
    /// So many more go on, of all connections together; then every connection is cut, and the rule is [`Rule::Pass`] again.
    CutAfter(usize),
}

/// What all connections look at.
#[derive(Clone, Copy, Debug)]
struct State {
    /// Counts the cuts: a connection that began before the last one ends.
    cuts: u64,
    /// Whether new connections are served; else they are closed as soon as they come.
    open: bool,
    rules: [Rule; 2],
}

/// A running proxy on a port of its own. Dropping it cuts what goes through it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// A proxy in front of `host:port`, which needn't be there yet. Needs a runtime.
    pub async fn start(target: &str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, free_port()?)).await;
        let listener = listener.context("bind a proxy's port")?;
        let address = listener.local_addr().context("a proxy's port")?;
        let state = State { cuts: 0, open: true, rules: [Rule::Pass; 2] };
        let (state, _) = watch::channel(state);
        let listening = tokio::spawn(listen(listener, target.to_owned(), state.clone()));
        Ok(Self { address, state, listening })
    }

    /// Where to connect: `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sets what becomes of the bytes of a direction, those included that are held.
    pub fn set(&self, direction: Direction, rule: Rule) {
        self.state.send_modify(|state| state.rules[direction as usize] = rule);
    }

    /// Ends all connections by reset; what they held is lost. New ones are as welcome as before.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Ends all connections, and each new one as it comes, until [`Self::heal`].
    pub fn close(&self) {
        self.state.send_modify(|state| {
            state.cuts += 1;
            state.open = false;
        });
    }

    /// A good network again. Connections that swallowed something must have been cut by then.
    pub fn heal(&self) {
        self.state.send_modify(|state| {
            state.open = true;
            state.rules = [Rule::Pass; 2];
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.close();
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, target: String, state: watch::Sender<State>) {
    loop {
        // A connection that is gone before it is accepted is no reason to stop.
        let Ok((client, _)) = listener.accept().await else { continue };
        let State { open, cuts, .. } = *state.borrow();
        if open {
            tokio::spawn(carry(client, target.clone(), state.clone(), cuts));
        } else {
            reset(&client);
        }
    }
}

/// Carries one connection until both directions have ended or there is another cut.
async fn carry(
    mut client: TcpStream,
    target: String,
    state: watch::Sender<State>,
    cuts_before: u64,
) {
    let Ok(mut server) = TcpStream::connect(&target).await else { return reset(&client) };
    for socket in [&client, &server] {
        // Without it bytes only wait longer.
        let _ = socket.set_nodelay(true);
    }
    let mut cut = state.subscribe();
    let is_cut = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            _ = cut.wait_for(|state| state.cuts != cuts_before) => true,
            carried = async {
                tokio::try_join!(
                    pump(from_client, to_server, Direction::ToServer, &state, cuts_before),
                    pump(from_server, to_client, Direction::ToClient, &state, cuts_before),
                )
            } => carried.is_err(),
        }
    };
    if is_cut {
        reset(&client);
        reset(&server);
    }
}

/// Closing becomes a reset: what the kernel still has is lost, as when a machine vanishes.
fn reset(socket: &TcpStream) {
    // A socket that has failed already has no need of it.
    let _ = socket.set_zero_linger();
}

/// Carries one direction to its end; an error ends the other one too.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    direction: Direction,
    state: &watch::Sender<State>,
    cuts_before: u64,
) -> std::io::Result<()> {
    let mut rules = state.subscribe();
    let mut buffer = vec![0; ROOM];
    loop {
        let read = from.read(&mut buffer).await?;
        let bytes = &buffer[..read];
        loop {
            let now = *rules.borrow_and_update();
            // Seen together with the rule: what lost bytes must not go on when all is well again.
            if now.cuts != cuts_before {
                return Err(std::io::ErrorKind::ConnectionReset.into());
            }
            match now.rules[direction as usize] {
                Rule::Pass => to.write_all(bytes).await?,
                Rule::Delay(delay) => {
                    tokio::time::sleep(delay).await;
                    to.write_all(bytes).await?;
                }
                Rule::Hold => {
                    // An error means that the proxy is gone.
                    rules.changed().await.map_err(std::io::Error::other)?;
                    continue;
                }
                Rule::Swallow => {}
                Rule::CutAfter(_) => {
                    let pass = spend(state, direction, read);
                    to.write_all(&bytes[..pass]).await?;
                    if pass < read {
                        // The kernel's next act would be a reset, which would take back what was just passed on.
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        state.send_modify(|state| state.cuts += 1);
                    }
                }
            }
            break;
        }
        if read == 0 {
            return to.shutdown().await;
        }
    }
}

/// Takes what may pass of `read` bytes from the direction's allowance; less than all of them uses it up.
fn spend(state: &watch::Sender<State>, direction: Direction, read: usize) -> usize {
    let mut pass = read;
    state.send_modify(|state| {
        let rule = &mut state.rules[direction as usize];
        if let Rule::CutAfter(left) = rule {
            pass = read.min(*left);
            *rule = if pass < read { Rule::Pass } else { Rule::CutAfter(*left - pass) };
        }
    });
    pass
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    /// A server that sends back what it gets, behind a proxy; and a connection through both.
    async fn echo() -> (Proxy, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(&listener.local_addr().unwrap().to_string()).await.unwrap();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = socket.into_split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        let client = TcpStream::connect(proxy.address()).await.unwrap();
        (proxy, client)
    }

    /// What comes back before the connection ends, or up to `most` bytes.
    async fn heard(client: &mut TcpStream, most: usize) -> Vec<u8> {
        let mut heard = Vec::new();
        let read = async {
            while heard.len() < most && matches!(client.read_buf(&mut heard).await, Ok(1..)) {}
        };
        tokio::time::timeout(SOON, read).await.unwrap();
        heard
    }

    async fn is_silent(client: &mut TcpStream) -> bool {
        let mut byte = [0];
        let read = client.peek(&mut byte);
        tokio::time::timeout(Duration::from_millis(100), read).await.is_err()
    }

    #[tokio::test]
    async fn what_is_held_in_one_direction_goes_on_later() {
        let (proxy, mut client) = echo().await;
        for direction in [Direction::ToServer, Direction::ToClient] {
            proxy.set(direction, Rule::Hold);
            client.write_all(b"held").await.unwrap();
            assert!(is_silent(&mut client).await);
            proxy.heal();
            assert_eq!(heard(&mut client, 4).await, b"held");
        }
    }

    #[tokio::test]
    async fn a_cut_after_some_bytes_is_made_there_and_once() {
        for direction in [Direction::ToServer, Direction::ToClient] {
            let (proxy, mut client) = echo().await;
            proxy.set(direction, Rule::CutAfter(6));
            client.write_all(b"half").await.unwrap();
            assert_eq!(heard(&mut client, 4).await, b"half");
            client.write_all(b" written").await.unwrap();
            assert!(heard(&mut client, 100).await.len() <= 2);
            let mut next = TcpStream::connect(proxy.address()).await.unwrap();
            next.write_all(b"whole again").await.unwrap();
            assert_eq!(heard(&mut next, 11).await, b"whole again");
        }
    }

    #[tokio::test]
    async fn what_is_swallowed_never_comes_and_a_closed_proxy_serves_nobody() {
        let (proxy, mut client) = echo().await;
        proxy.set(Direction::ToClient, Rule::Swallow);
        client.write_all(b"gone").await.unwrap();
        assert!(is_silent(&mut client).await);
        proxy.close();
        assert_eq!(heard(&mut client, 1).await, b"");
        let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(heard(&mut refused, 1).await, b"");
        proxy.heal();
        let mut next = TcpStream::connect(proxy.address()).await.unwrap();
        next.write_all(b"back").await.unwrap();
        assert_eq!(heard(&mut next, 4).await, b"back");
    }

    #[tokio::test]
    async fn an_end_is_passed_on_behind_what_was_said() {
        let (_proxy, mut client) = echo().await;
        client.write_all(b"last words").await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(heard(&mut client, 100).await, b"last words");
    }
}
