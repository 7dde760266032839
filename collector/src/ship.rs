//! The ship task: writes forward chunks in order on one connection, takes acks, and writes everything
//! that is not acknowledged again, in the same order, on the next connection.
//!
//! A stream's position moves only over forward chunks that are acknowledged without a gap, and each
//! message tells the position as it is when the message is written.

mod backlog;
mod backoff;
mod compatible;
mod connection;
mod outgoing;
mod unacked;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep, sleep_until},
};
use trunkline_forward::client::{Client, Event};
use trunkline_record::{chunk_id, message_around};

pub(crate) use self::connection::client_config;
use self::{backlog::Backlog, compatible::Compatible, outgoing::Outgoing, unacked::Acknowledged};
pub use self::{
    backoff::Backoff,
    connection::{Upstreams, Wire},
};
use crate::{
    config::{Mode, ShipConfig, SpoolConfig},
    destination::Destination,
    metrics::Metrics,
    outbox::Inbox,
    spool::Spool,
    streams::Streams,
};

/// The tag of every message; where it comes from stands in the option map.
const TAG: &str = "postgres";

/// Messages are gathered up to this size for one write.
const WRITE_SIZE: usize = 128 * 1024;

/// Room for a few dozen acks in one read.
const READ_SIZE: usize = 4 * 1024;

/// A failure that repeats is logged this often.
const REPEAT_LOG: Duration = Duration::from_secs(30);

/// So many connections in a row are closed by a receiver that takes nothing before its log is pointed to.
const REFUSALS: u32 = 3;

/// How often it is asked whether the spool is needed.
const TICK: Duration = Duration::from_millis(100);

/// What was written to the spool is synchronised with the disk this often.
const SYNC: Duration = Duration::from_millis(500);

/// The state of the task.
pub struct Ship {
    config: ShipConfig,
    /// What this collector calls itself in a handshake.
    hostname: String,
    streams: Arc<Streams>,
    inbox: Inbox,
    /// The tail thread has ended, and everything was taken from it.
    ended: bool,
    backlog: Backlog,
    ticked: Instant,
    synced: Instant,
    /// Where the receiver isn't ours.
    compatible: Option<Compatible>,
    /// The receiver takes one message a connection.
    one_message: bool,
    /// Connections in a row that were closed by a receiver that had acknowledged nothing.
    refusals: u32,
    metrics: Metrics,
}

/// How a connection ended well.
enum Ended {
    /// Nothing is left to ship.
    Done,
    /// It has carried the one message that it may, and that is acknowledged.
    OneMessage,
}

/// Why a connection was given up.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("closed by the other side")]
    Closed,
    #[error(
        "closed by the other side, which acknowledged nothing, {0} times in a row: its log says why; \
         an ingester that is older than this collector is to be updated first"
    )]
    Refused(u32),
    #[error("no ack within {0:?}")]
    NoAck(Duration),
    #[error("no handshake within {0:?}")]
    NoHandshake(Duration),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("not understood: {0}")]
    Protocol(#[from] trunkline_forward::Error),
    #[error("records can't be written in full: {0}")]
    Records(#[from] trunkline_record::MapError),
}

impl Ship {
    /// A task that ships what is in `spool`, and then what `inbox` gives.
    pub fn new(
        config: ShipConfig,
        spool: (SpoolConfig, Option<Spool>),
        streams: Arc<Streams>,
        inbox: Inbox,
        metrics: Metrics,
    ) -> Self {
        let window = usize::try_from(config.window.as_u64()).unwrap_or(usize::MAX);
        let hostname = streams.source().pod.clone().unwrap_or_else(|| "trunkline-collector".into());
        let (spool_config, spool) = spool;
        let backlog = Backlog::new(window, &spool_config, spool, std::time::Instant::now());
        let (ended, now) = (false, Instant::now());
        let (ticked, synced) = (now, now);
        let of_others = || Compatible::new(config.compatible.clone(), metrics.truncated.clone());
        let compatible = (config.mode == Mode::Compatible).then(of_others);
        let one_message = compatible.as_ref().is_some_and(|of_others| !of_others.keepalive());
        Self {
            config,
            hostname,
            streams,
            inbox,
            ended,
            backlog,
            ticked,
            synced,
            compatible,
            one_message,
            refusals: 0,
            metrics,
        }
    }

    async fn ship(&mut self) {
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
                    self.backlog.rewind();
                    let lost = match ended {
                        Ok(Ended::OneMessage) => continue,
                        Ok(Ended::Done) => {
                            self.metrics.connection_up.set(0);
                            return;
                        }
                        Err(lost) => self.refused(lost, failures.count == 0),
                    };
                    self.metrics.connection_up.set(0);
                    self.metrics.connection.down(&lost);
                    // One that never came to be is like one that can't be made.
                    if failures.count == 0 {
                        tracing::warn!(
                            %address, unacked = self.unacked(), reason = %lost,
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

    /// Tells a receiver that refuses what it is sent from one that went away: by how often.
    fn refused(&mut self, lost: Lost, established: bool) -> Lost {
        let is_closed = match &lost {
            Lost::Closed => true,
            Lost::Io(error) => {
                matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
            }
            _ => false,
        };
        self.refusals += u32::from(is_closed && established && self.unacked() > 0);
        if is_closed && self.refusals >= REFUSALS { Lost::Refused(self.refusals) } else { lost }
    }

    /// Fills the window and the spool while there is no connection. Ends only when there is nothing left
    /// to ship.
    async fn gather(&mut self) {
        while !self.is_done() {
            let room = !self.ended && self.backlog.has_room();
            let tick_at = self.ticked + TICK;
            tokio::select! {
                () = sleep_until(tick_at), if self.backlog.has_spool() => self.tick(),
                () = self.take(), if room => {}
                else => std::future::pending::<()>().await,
            }
        }
    }

    /// Takes one forward chunk into the window or the spool. May be dropped while it waits.
    async fn take(&mut self) {
        match self.inbox.take().await {
            Some(chunk) => self.backlog.push(chunk, std::time::Instant::now()),
            None => self.ended = true,
        }
        self.show();
    }

    /// Looks whether the spool is needed, and synchronises it with the disk, which nothing waits for.
    fn tick(&mut self) {
        self.ticked = Instant::now();
        self.backlog.tick(std::time::Instant::now(), self.streams.is_any_at_risk());
        self.show();
        if self.synced.elapsed() < SYNC {
            return;
        }
        self.synced = Instant::now();
        let files = self.backlog.dirty();
        if !files.is_empty() {
            let metrics = self.metrics.spool.clone();
            tokio::task::spawn_blocking(move || {
                for file in files {
                    metrics.synced(file.sync_all());
                }
            });
        }
    }

    fn is_done(&self) -> bool {
        self.ended && self.backlog.is_empty()
    }

    /// Uses one connection until it is lost, or until there is nothing left to ship.
    async fn serve(
        &mut self,
        stream: Box<dyn Wire>,
        address: SocketAddr,
        backoff: &mut Backoff,
        failures: &mut Failures,
    ) -> Result<Ended, Lost> {
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
        let mut out = Outgoing::default();
        let mut unflushed = false;
        let mut composed = false;
        while !self.is_done() {
            if out.is_empty() && client.is_established() && !(composed && self.one_message) {
                self.compose(&mut out)?;
                composed |= !out.is_empty();
            }
            let shaken = client.is_established();
            let late = match self.backlog.waiting_since() {
                _ if !shaken => Some(began + self.config.connect_timeout),
                Some(since) => Some(Instant::from_std(since) + self.config.ack_timeout),
                None => None,
            };
            let room = !self.ended && self.backlog.has_room();
            let tick_at = self.ticked + TICK;
            tokio::select! {
                () = sleep_until(tick_at), if self.backlog.has_spool() => self.tick(),
                count = push(&mut writer, &mut out), if !out.is_empty() || unflushed => {
                    let count = count?;
                    unflushed = count > 0;
                    self.metrics.shipped_bytes.inc_by(count as u64);
                }
                count = reader.read_buf(&mut incoming) => {
                    if count? == 0 {
                        return Err(Lost::Closed);
                    }
                    while let Some(event) = client.receive(&mut incoming)? {
                        match event {
                            Event::Helo(answer) => out.push(answer.into()),
                            Event::Established { keepalive } => {
                                self.established(address, failures);
                                self.one_message |= !keepalive;
                            }
                            Event::Ack(id) => {
                                let known = self.acknowledge(&id, backoff);
                                if known && self.one_message && !self.is_done() {
                                    return Ok(Ended::OneMessage);
                                }
                            }
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
        Ok(Ended::Done)
    }

    /// From here on messages may be sent.
    fn established(&self, address: SocketAddr, failures: &mut Failures) {
        failures.over();
        self.metrics.connects.inc();
        self.metrics.connection_up.set(1);
        self.metrics.connection.up(&address);
        if self.one_message {
            tracing::debug!(%address, unacked = self.unacked(), "connected for one message");
        } else {
            tracing::info!(%address, unacked = self.unacked(), "connected");
        }
    }

    /// Puts the next messages into `out`.
    fn compose(&mut self, out: &mut Outgoing) -> Result<(), Lost> {
        let now = std::time::Instant::now();
        while out.len() < WRITE_SIZE
            && let Some(chunk) = self.backlog.send(now)
        {
            if chunk.sealed.records == 0 && chunk.sealed.rejected == 0 {
                // It says how far a stream was dropped, when all before that is acknowledged.
                let (stream, sealed) = (Arc::clone(&chunk.stream), &chunk.sealed);
                let id = chunk_id(&stream.id, sealed.from, sealed.to);
                if let Acknowledged::Moved { stream, to, .. } =
                    self.backlog.acknowledge(id.as_bytes(), now)
                {
                    self.streams.acknowledge(&stream, to);
                }
                continue;
            }
            if let Some(compatible) = &mut self.compatible {
                let mut messages = Vec::new();
                compatible.write(chunk, self.one_message, &mut messages)?;
                out.push(messages.into());
            } else {
                let (stream, source) = (&chunk.stream, &chunk.source);
                let acked = Some(stream.acked());
                let (path, sealed, mut around) = (&stream.path, &chunk.sealed, Vec::new());
                let at = message_around(TAG, &stream.id, source, path, acked, sealed, &mut around);
                let mut head = Bytes::from(around);
                let tail = head.split_off(at);
                for piece in [head, sealed.entries.clone(), tail] {
                    out.push(piece);
                }
            }
            if self.one_message {
                break;
            }
        }
        Ok(())
    }

    /// Takes an ack; false if it is of nothing that was sent.
    fn acknowledge(&mut self, id: &[u8], backoff: &mut Backoff) -> bool {
        let id = match &mut self.compatible {
            Some(compatible) => compatible.acknowledged(id),
            None => Some(id),
        };
        self.refusals = 0;
        let Some(id) = id else { return true };
        let mut known = true;
        match self.backlog.acknowledge(id, std::time::Instant::now()) {
            Acknowledged::Moved { stream, to, chunks } => {
                self.streams.acknowledge(&stream, to);
                self.metrics.acked_chunks.inc_by(chunks);
                backoff.reset();
            }
            Acknowledged::Early => {}
            Acknowledged::Unknown => {
                known = false;
                tracing::debug!(id = %String::from_utf8_lossy(id), "ack of an unknown chunk");
            }
        }
        self.show();
        known
    }

    fn show(&self) {
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        self.metrics.unacked_chunks.set(gauge(self.backlog.window().len()));
        self.metrics.unacked_bytes.set(gauge(self.backlog.window().bytes()));
    }
}

impl Destination for Ship {
    fn run(&mut self) -> impl Future<Output = ()> {
        self.ship()
    }

    /// In the window and in the spool.
    fn unacked(&self) -> u64 {
        self.backlog.len()
    }

    /// In the spool, if there is one.
    fn put_away(&mut self) -> u64 {
        let left = self.backlog.put_away(std::time::Instant::now());
        for file in self.backlog.dirty() {
            self.metrics.spool.synced(file.sync_all());
        }
        left
    }
}

/// Writes some of what is there; with nothing there it flushes, since TLS may hold back what it was given. May be dropped while it waits.
async fn push(writer: &mut (impl AsyncWrite + Unpin), out: &mut Outgoing) -> io::Result<usize> {
    if out.is_empty() { writer.flush().await.map(|()| 0) } else { writer.write_buf(out).await }
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
