//! The ship task: writes forward chunks in order on one connection, takes acks, and writes everything
//! that is not acknowledged again, in the same order, on the next connection.
//!
//! A stream's position moves only over forward chunks that are acknowledged without a gap, and each
//! message tells the position as it is when the message is written.

mod backoff;
mod connection;
mod unacked;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep, sleep_until},
};
use trunkline_forward::client::{Client, Event};
use trunkline_record::message;

pub(crate) use self::{
    backoff::Backoff,
    connection::{Wire, client_config},
};
use self::{
    connection::Upstreams,
    unacked::{Acknowledged, Unacked},
};
use crate::{config::ShipConfig, metrics::Metrics, outbox::Inbox, streams::Streams};

/// The tag of every message; where it comes from stands in the option map.
const TAG: &str = "postgres";

/// Messages are gathered up to this size for one write.
const WRITE_SIZE: usize = 128 * 1024;

/// Room for a few dozen acks in one read.
const READ_SIZE: usize = 4 * 1024;

/// A failure that repeats is logged this often.
const REPEAT_LOG: Duration = Duration::from_secs(30);

/// The state of the task.
pub struct Ship {
    config: ShipConfig,
    /// What this collector calls itself in a handshake.
    hostname: String,
    streams: Arc<Streams>,
    inbox: Inbox,
    /// The tail thread has ended, and everything was taken from it.
    ended: bool,
    unacked: Unacked,
    metrics: Metrics,
}

/// Why a connection was given up.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("closed by the other side")]
    Closed,
    #[error("no ack within {0:?}")]
    NoAck(Duration),
    #[error("no handshake within {0:?}")]
    NoHandshake(Duration),
    #[error("the other side takes one message a connection, which isn't supported")]
    OneMessage,
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("not understood: {0}")]
    Protocol(#[from] trunkline_forward::Error),
}

impl Ship {
    /// A task that ships what `inbox` gives.
    pub fn new(config: ShipConfig, streams: Arc<Streams>, inbox: Inbox, metrics: Metrics) -> Self {
        let window = usize::try_from(config.window.as_u64()).unwrap_or(usize::MAX);
        let hostname = streams.source().pod.clone().unwrap_or_else(|| "trunkline-collector".into());
        let unacked = Unacked::new(window);
        Self { config, hostname, streams, inbox, ended: false, unacked, metrics }
    }

    /// How many forward chunks wait for their acks.
    pub fn unacked(&self) -> usize {
        self.unacked.len()
    }

    /// Runs until the tail thread has ended and everything is acknowledged. May be dropped at any
    /// moment; what was not acknowledged by then will be read again.
    pub async fn run(&mut self) {
        let mut backoff = Backoff::new(self.config.backoff_max);
        let mut failures = Failures::default();
        let mut upstreams = Upstreams::new(self.config.clone(), rand::random::<u32>() as usize);
        loop {
            let connected = tokio::select! {
                connected = upstreams.connect() => connected,
                () = self.gather() => return,
            };
            match connected {
                Ok((address, stream)) => {
                    let began = Instant::now();
                    let ended = self.serve(stream, address, &mut backoff, &mut failures).await;
                    self.metrics.connection_up.set(0);
                    self.unacked.rewind();
                    let Err(lost) = ended else { return };
                    self.metrics.connection.down(&lost);
                    // One that never came to be is like one that can't be made.
                    if failures.count == 0 {
                        tracing::warn!(
                            %address, unacked = self.unacked.len(), reason = %lost,
                            "connection lost"
                        );
                    } else {
                        failures.log(&address.to_string(), &lost);
                    }
                    if began.elapsed() > self.config.backoff_max {
                        backoff.reset();
                    }
                }
                Err(error) => {
                    self.metrics.connection.down(&error);
                    failures.log(&self.config.address.to_string(), &error);
                }
            }
            let pause = backoff.next(rand::random());
            tokio::select! {
                () = sleep(pause) => {}
                () = self.gather() => return,
            }
        }
    }

    /// Fills the window while there is no connection. Ends only when there is nothing left to ship.
    async fn gather(&mut self) {
        loop {
            if self.is_done() {
                return;
            }
            if self.ended || !self.unacked.has_room() {
                std::future::pending::<()>().await;
            }
            self.take().await;
        }
    }

    /// Takes one forward chunk into the window. May be dropped while it waits.
    async fn take(&mut self) {
        match self.inbox.take().await {
            Some(chunk) => self.unacked.push(chunk),
            None => self.ended = true,
        }
        self.show();
    }

    fn is_done(&self) -> bool {
        self.ended && self.unacked.is_empty()
    }

    /// Uses one connection until it is lost, or until there is nothing left to ship.
    async fn serve(
        &mut self,
        stream: Box<dyn Wire>,
        address: SocketAddr,
        backoff: &mut Backoff,
        failures: &mut Failures,
    ) -> Result<(), Lost> {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut client = match self.config.credentials(&self.hostname)? {
            Some(credentials) => Client::with_credentials(credentials, rand::random()),
            None => Client::new(),
        };
        let began = Instant::now();
        // Counts as a failure until messages may be sent.
        failures.count += 1;
        if client.is_established() {
            self.established(address, failures);
        }
        let mut incoming = BytesMut::with_capacity(READ_SIZE);
        let mut out = Vec::new();
        let (mut written, mut unflushed) = (0, false);
        while !self.is_done() {
            if written == out.len() && client.is_established() {
                self.compose(&mut out);
                written = 0;
            }
            let shaken = client.is_established();
            let late = match self.unacked.waiting_since() {
                _ if !shaken => Some(began + self.config.connect_timeout),
                Some(since) => Some(Instant::from_std(since) + self.config.ack_timeout),
                None => None,
            };
            let room = !self.ended && self.unacked.has_room();
            tokio::select! {
                count = push(&mut writer, &out[written..]), if written < out.len() || unflushed => {
                    let count = count?;
                    unflushed = count > 0;
                    written += count;
                    self.metrics.shipped_bytes.inc_by(count as u64);
                }
                count = reader.read_buf(&mut incoming) => {
                    if count? == 0 {
                        return Err(Lost::Closed);
                    }
                    while let Some(event) = client.receive(&mut incoming)? {
                        match event {
                            Event::Helo(answer) => out.extend_from_slice(&answer),
                            Event::Established { keepalive: false } => return Err(Lost::OneMessage),
                            Event::Established { keepalive: true } => {
                                self.established(address, failures);
                            }
                            Event::Ack(id) => self.acknowledge(&id, backoff),
                        }
                    }
                    incoming.reserve(READ_SIZE);
                }
                () = self.take(), if room => {}
                () = sleep_until(late.unwrap_or_else(Instant::now)), if late.is_some() => {
                    return Err(if shaken {
                        Lost::NoAck(self.config.ack_timeout)
                    } else {
                        Lost::NoHandshake(self.config.connect_timeout)
                    });
                }
            }
        }
        Ok(())
    }

    /// From here on messages may be sent.
    fn established(&self, address: SocketAddr, failures: &mut Failures) {
        failures.over();
        self.metrics.connects.inc();
        self.metrics.connection_up.set(1);
        self.metrics.connection.up(&address);
        tracing::info!(%address, unacked = self.unacked.len(), "connected");
    }

    /// Puts the next messages into `out`.
    fn compose(&mut self, out: &mut Vec<u8>) {
        out.clear();
        // A message with a very long record is rare: its memory is given back.
        out.shrink_to(4 * WRITE_SIZE);
        let now = std::time::Instant::now();
        while out.len() < WRITE_SIZE
            && let Some(chunk) = self.unacked.send(now)
        {
            let stream = &chunk.stream;
            message(
                TAG,
                &stream.id,
                &chunk.source,
                &stream.path,
                stream.acked(),
                &chunk.sealed,
                out,
            );
        }
    }

    fn acknowledge(&mut self, id: &[u8], backoff: &mut Backoff) {
        match self.unacked.acknowledge(id, std::time::Instant::now()) {
            Acknowledged::Moved { stream, to, chunks } => {
                self.streams.acknowledge(&stream, to);
                self.metrics.acked_chunks.inc_by(chunks);
                backoff.reset();
            }
            Acknowledged::Early => {}
            Acknowledged::Unknown => {
                tracing::debug!(id = %String::from_utf8_lossy(id), "ack of an unknown chunk");
            }
        }
        self.show();
    }

    fn show(&self) {
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        self.metrics.unacked_chunks.set(gauge(self.unacked.len()));
        self.metrics.unacked_bytes.set(gauge(self.unacked.bytes()));
    }
}

/// Writes some of the bytes; without any it flushes, since TLS may hold back what it was given. May be dropped while it waits.
async fn push(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() { writer.flush().await.map(|()| 0) } else { writer.write(bytes).await }
}

/// Failures to connect in a row: the first is logged, and then one from time to time.
#[derive(Default)]
struct Failures {
    count: u64,
    logged: Option<Instant>,
}

impl Failures {
    fn log(&mut self, address: &str, error: &dyn std::fmt::Display) {
        self.count += 1;
        if self.logged.is_none_or(|logged| logged.elapsed() >= REPEAT_LOG) {
            self.logged = Some(Instant::now());
            tracing::warn!(address, attempt = self.count, %error, "can't connect; retrying");
        }
    }

    fn over(&mut self) {
        *self = Self::default();
    }
}
