//! The plugin's thread: takes what is flushed, makes messages of it, sends them on one connection and waits for their acks.
//!
//! Messages are sent one behind the other without waiting. When the connection breaks, what is still wanted is sent again on the next one, to the
//! next ingester in turn; the ingester knows again what it has. A flush that has stopped waiting is forgotten: Fluent Bit comes back with it.

use std::{
    cell::Cell,
    collections::VecDeque,
    io,
    net::SocketAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::SyncSender,
    },
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc::Receiver,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use trunkline_collector::{
    config::ShipConfig,
    ship::{Backoff, Upstreams, Wire},
};
use trunkline_forward::client::{Client, Event};

use crate::{convert::Converter, settings::Settings};

/// Messages are gathered up to this size for one write.
const WRITE_SIZE: usize = 128 * 1024;

/// Room for a few dozen acks in one read.
const READ_SIZE: usize = 4 * 1024;

/// A failure that repeats is logged this often.
const REPEAT_LOG: Duration = Duration::from_secs(30);

/// What one flush brings.
#[derive(Debug)]
pub struct Job {
    /// The events.
    pub data: Vec<u8>,
    /// Their tag.
    pub tag: String,
    /// Told once everything is stored; dropped when that won't happen.
    pub done: SyncSender<()>,
    /// Whether the flush still waits.
    pub wanted: Arc<AtomicBool>,
}

/// The thread's state.
pub struct Courier {
    config: ShipConfig,
    hostname: String,
    converter: Converter,
    jobs: Receiver<Job>,
    /// Messages without an ack, in the order in which they are sent.
    window: VecDeque<Parcel>,
    /// The place of the next one to send.
    next: usize,
    failures: Failures,
}

/// A message on its way.
struct Parcel {
    id: String,
    wire: Vec<u8>,
    flush: Rc<Flush>,
    sent: Option<Instant>,
}

/// What is known of a flush.
struct Flush {
    left: Cell<usize>,
    done: SyncSender<()>,
    wanted: Arc<AtomicBool>,
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
    Io(#[from] io::Error),
    #[error("not understood: {0}")]
    Protocol(#[from] trunkline_forward::Error),
}

impl Courier {
    /// For an instance with these settings, whose flushes come through `jobs`.
    pub fn new(settings: Settings, jobs: Receiver<Job>) -> Self {
        let Settings { ship, hostname, source, route, .. } = settings;
        Self {
            config: ship,
            hostname,
            converter: Converter::new(source, route),
            jobs,
            window: VecDeque::new(),
            next: 0,
            failures: Failures::default(),
        }
    }

    /// Runs until `stop`. What isn't delivered by then is Fluent Bit's to try again.
    pub async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(self.deliver()).await;
    }

    async fn deliver(&mut self) {
        let mut backoff = Backoff::new(self.config.backoff_max);
        let mut upstreams = Upstreams::new(self.config.clone(), rand::random::<u32>() as usize);
        loop {
            // Nothing is connected to before there is something to send.
            while self.window.is_empty() {
                let Some(job) = self.jobs.recv().await else { return };
                self.take(job);
            }
            let connected = tokio::select! {
                connected = upstreams.connect() => connected,
                () = self.gather() => return,
            };
            match connected {
                Ok((address, stream)) => {
                    let began = Instant::now();
                    let Err(lost) = self.serve(stream, address, &mut backoff).await else { return };
                    self.rewind();
                    self.failures.log(&address.to_string(), &lost);
                    if began.elapsed() > self.config.backoff_max {
                        backoff.reset();
                    }
                }
                Err(error) => self.failures.log(&self.config.address.to_string(), &error),
            }
            let pause = backoff.next(rand::random());
            tokio::select! {
                () = sleep(pause) => {}
                () = self.gather() => return,
            }
        }
    }

    /// Takes what is flushed while there is no connection. Ends with the instance.
    async fn gather(&mut self) {
        while let Some(job) = self.jobs.recv().await {
            self.take(job);
        }
    }

    /// Makes messages of a flush.
    fn take(&mut self, job: Job) {
        self.forget_unwanted();
        let Job { data, tag, done, wanted } = job;
        if !wanted.load(Ordering::Acquire) {
            return;
        }
        let messages = match self.converter.convert(&tag, &data) {
            Ok(messages) => messages,
            // Dropped, `done` says that it isn't delivered.
            Err(error) => return tracing::error!(%error, "can't pack what was flushed"),
        };
        let flush = Rc::new(Flush { left: Cell::new(messages.len()), done, wanted });
        if messages.is_empty() {
            flush.delivered();
        }
        for message in messages {
            let (id, wire, flush) = (message.id, message.wire, Rc::clone(&flush));
            self.window.push_back(Parcel { id, wire, flush, sent: None });
        }
    }

    /// Drops what nobody waits for and wasn't sent.
    fn forget_unwanted(&mut self) {
        self.window.retain(|parcel| parcel.sent.is_some() || parcel.flush.is_wanted());
    }

    /// The connection is gone: what is still wanted is to be sent again.
    fn rewind(&mut self) {
        self.next = 0;
        for parcel in &mut self.window {
            parcel.sent = None;
        }
        self.forget_unwanted();
    }

    /// Uses one connection until it is lost, or the instance ends.
    async fn serve(
        &mut self,
        stream: Box<dyn Wire>,
        address: SocketAddr,
        backoff: &mut Backoff,
    ) -> Result<(), Lost> {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut client = match self.config.credentials(&self.hostname)? {
            Some(credentials) => Client::with_credentials(credentials, rand::random()),
            None => Client::new(),
        };
        let began = Instant::now();
        if client.is_established() {
            self.established(address);
        }
        let mut incoming = BytesMut::with_capacity(READ_SIZE);
        let mut out = Vec::new();
        let (mut written, mut unflushed) = (0, false);
        loop {
            let shaken = client.is_established();
            if written == out.len() && shaken {
                self.compose(&mut out);
                written = 0;
            }
            let late = match self.window.front().and_then(|parcel| parcel.sent) {
                _ if !shaken => Some(began + self.config.connect_timeout),
                sent => sent.map(|sent| sent + self.config.ack_timeout),
            };
            tokio::select! {
                count = push(&mut writer, &out[written..]), if written < out.len() || unflushed => {
                    let count = count?;
                    unflushed = count > 0;
                    written += count;
                }
                count = reader.read_buf(&mut incoming) => {
                    if count? == 0 {
                        return Err(Lost::Closed);
                    }
                    while let Some(event) = client.receive(&mut incoming)? {
                        match event {
                            Event::Helo(answer) => out.extend_from_slice(&answer),
                            Event::Established { keepalive: false } => return Err(Lost::OneMessage),
                            Event::Established { keepalive: true } => self.established(address),
                            Event::Ack(id) => {
                                backoff.reset();
                                self.acknowledge(&id);
                            }
                        }
                    }
                    incoming.reserve(READ_SIZE);
                }
                job = self.jobs.recv() => match job {
                    Some(job) => self.take(job),
                    None => return Ok(()),
                },
                () = sleep_until(late.unwrap_or_else(Instant::now)), if late.is_some() => {
                    return Err(if shaken {
                        Lost::NoAck(self.config.ack_timeout)
                    } else {
                        Lost::NoHandshake(self.config.connect_timeout)
                    });
                }
            }
        }
    }

    /// From here on messages may be sent.
    fn established(&mut self, address: SocketAddr) {
        self.failures = Failures::default();
        tracing::info!(%address, "connected");
    }

    /// Puts the next messages into `out`.
    fn compose(&mut self, out: &mut Vec<u8>) {
        out.clear();
        out.shrink_to(4 * WRITE_SIZE);
        let now = Instant::now();
        while out.len() < WRITE_SIZE
            && let Some(parcel) = self.window.get_mut(self.next)
        {
            out.extend_from_slice(&parcel.wire);
            parcel.sent = Some(now);
            self.next += 1;
        }
    }

    fn acknowledge(&mut self, id: &[u8]) {
        let sent = self.window.iter().take(self.next);
        let found = sent.enumerate().find(|(_, parcel)| parcel.id.as_bytes() == id);
        let Some((at, _)) = found else { return };
        self.next -= 1;
        if let Some(parcel) = self.window.remove(at) {
            let flush = parcel.flush;
            flush.left.set(flush.left.get().saturating_sub(1));
            if flush.left.get() == 0 {
                flush.delivered();
            }
        }
    }
}

impl Flush {
    fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }

    fn delivered(&self) {
        // Nobody may be waiting any more; there is room for one, and it is told once.
        let _ = self.done.try_send(());
    }
}

/// Writes some of the bytes; without any it flushes, since TLS may hold back what it was given. May be dropped while it waits.
async fn push(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() { writer.flush().await.map(|()| 0) } else { writer.write(bytes).await }
}

/// Failures in a row: the first is logged, and then one from time to time.
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
            tracing::warn!(address, attempt = self.count, %error, "no connection; retrying");
        }
    }
}
