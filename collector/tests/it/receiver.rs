//! A Forward receiver that keeps the store's rule for stream positions, in memory, and can misbehave.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};
use trunkline_forward::{
    EntryReader, Inflater, Limits, Message, ack,
    server::{Event, Server},
};
use trunkline_record::{ChunkHeader, Column, RecordSlots, Row, Slot, Source, StreamId};

/// How long anything may take on a machine that is busy with other things. Whoever waits so long waits in vain.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What happens to one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Stored and acknowledged.
    Ack,
    /// Stored, and the ack gets lost.
    LoseAck,
    /// Stored, and the connection breaks before the ack.
    StoreAndClose,
    /// The connection breaks before it is stored.
    Close,
    /// Read, and nothing else.
    Ignore,
}

/// One message as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub connection: usize,
    pub stream: StreamId,
    pub from: u64,
    pub to: u64,
    pub acked: u64,
    pub bytes: usize,
    pub source: Source,
}

/// What is stored of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    pub committed: u64,
    /// Position and message; the raw bytes behind `!` for a rejected record.
    pub rows: Vec<(u64, String)>,
    pub path: String,
}

type Decide = Box<dyn FnMut(&Arrival) -> Fate + Send>;

pub struct State {
    pub streams: BTreeMap<StreamId, Stored>,
    pub arrivals: Vec<Arrival>,
    /// Every row that ever arrived, dedup aside.
    pub delivered: BTreeMap<(StreamId, u64), String>,
    pub connections: usize,
    /// Breaches of the protocol, which no fate excuses.
    pub breaches: Vec<String>,
    /// Connections on which a message was ignored: what follows it there has nothing to stand on.
    ignored: BTreeSet<usize>,
    decide: Decide,
}

#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    /// A receiver that acknowledges everything.
    pub async fn start() -> Self {
        Self::with(|_| Fate::Ack).await
    }

    /// A receiver where `decide` says what happens to each message.
    pub async fn with(decide: impl FnMut(&Arrival) -> Fate + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::new(Mutex::new(State {
                streams: BTreeMap::new(),
                arrivals: Vec::new(),
                delivered: BTreeMap::new(),
                connections: 0,
                breaches: Vec::new(),
                ignored: BTreeSet::new(),
                decide: Box::new(decide),
            })),
        };
        let accepting = receiver.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let connection = accepting.look(|state| {
                    state.connections += 1;
                    state.connections
                });
                tokio::spawn(accepting.clone().serve(socket, connection));
            }
        });
        receiver
    }

    /// Looks at, or changes, what is there.
    pub fn look<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.state.lock().unwrap())
    }

    pub fn decide(&self, decide: impl FnMut(&Arrival) -> Fate + Send + 'static) {
        self.look(|state| state.decide = Box::new(decide));
    }

    /// All rows by stream.
    pub fn rows(&self) -> Vec<(u64, String)> {
        self.look(|state| state.streams.values().flat_map(|stream| stream.rows.clone()).collect())
    }

    /// Waits until `holds`, for at most [`PATIENCE`].
    pub async fn wait(&self, what: &str, mut holds: impl FnMut(&State) -> bool) {
        let started = Instant::now();
        while !self.look(|state| holds(state)) {
            assert!(
                started.elapsed() < PATIENCE,
                "waited in vain for {what}; stored: {:#?}",
                self.look(|state| state.streams.clone())
            );
            sleep(Duration::from_millis(2)).await;
        }
    }

    async fn serve(self, mut socket: TcpStream, connection: usize) {
        let mut server = Server::new(Limits::default());
        let mut incoming = BytesMut::new();
        loop {
            match server.receive(&mut incoming) {
                Ok(Some(Event::Message(message))) => {
                    let Some(reply) = self.take(&message, connection) else { return };
                    if socket.write_all(&reply).await.is_err() {
                        return;
                    }
                }
                Ok(Some(Event::Heartbeat | Event::Ping(_))) => {}
                Ok(None) => match socket.read_buf(&mut incoming).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                },
                Err(error) => {
                    self.look(|state| state.breaches.push(error.to_string()));
                    return;
                }
            }
        }
    }

    /// What to answer; nothing to close the connection.
    fn take(&self, message: &Message, connection: usize) -> Option<Vec<u8>> {
        let header = ChunkHeader::from_options(&message.options).unwrap().unwrap();
        let mut inflater = Inflater::new(64 << 20);
        let mut reader = EntryReader::new(message.entries(&mut inflater).unwrap());
        let mut slots = RecordSlots::new();
        let mut rows = Vec::new();
        while let Some(row) = slots.read(&mut reader).unwrap() {
            let text = match row {
                Row::Record => match slots.get(Column::Message) {
                    Slot::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    _ => String::new(),
                },
                Row::Rejected { raw, .. } => format!("!{}", String::from_utf8_lossy(raw)),
            };
            rows.push((slots.position(), text));
        }
        let arrival = Arrival {
            connection,
            stream: header.stream,
            from: header.from,
            to: header.to,
            acked: header.acked.unwrap_or_default(),
            bytes: message.packed_len(),
            source: header.source.clone(),
        };
        self.look(|state| {
            let fate = (state.decide)(&arrival);
            state.arrivals.push(arrival.clone());
            for (position, text) in &rows {
                let key = (header.stream, *position);
                let before = state.delivered.insert(key, text.clone());
                if before.is_some_and(|before| before != *text) {
                    state.breaches.push(format!("two texts for {key:?}"));
                }
            }
            if matches!(fate, Fate::Close) {
                return None;
            }
            if fate == Fate::Ignore {
                state.ignored.insert(connection);
                return Some(Vec::new());
            }
            let stored = state.streams.entry(header.stream).or_default();
            stored.path = header.path.clone().unwrap_or_default();
            if header.from > stored.committed && Some(header.from) != header.acked {
                if !state.ignored.contains(&connection) {
                    let breach = format!("{arrival:?} jumps over {}", stored.committed);
                    state.breaches.push(breach);
                }
                return None;
            }
            let committed = stored.committed;
            stored.rows.extend(rows.into_iter().filter(|(position, _)| *position >= committed));
            stored.committed = committed.max(header.to);
            match fate {
                Fate::StoreAndClose => None,
                Fate::LoseAck => Some(Vec::new()),
                _ => {
                    let mut reply = Vec::new();
                    ack::encode(message.options.chunk.as_ref().unwrap(), &mut reply);
                    Some(reply)
                }
            }
        })
    }
}
