//! A collector reduced to its wire.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use trunkline_forward::client::{Client, Event};
use trunkline_record::{
    ChunkBuilder, ChunkLimits, Column, End, Format, LogRecord, LogSettings, Parser, SealedChunk,
    Severity, Sink, Source, StreamId, Table, Timestamp, chunk_id, message,
};

use crate::service::PATIENCE;

/// One connection, for one stream.
pub struct Sender {
    socket: TcpStream,
    client: Client,
    buffer: BytesMut,
    stream: StreamId,
    cluster: String,
}

/// A log as forward chunks of about `bytes` each.
pub fn chunks(log: &[u8], bytes: usize) -> Vec<SealedChunk> {
    let mut parser = Parser::new(Format::Csvlog, &LogSettings::default());
    let mut builder = ChunkBuilder::new(ChunkLimits { bytes, ..ChunkLimits::default() });
    builder.begin(0);
    let (mut at, mut chunks) = (0, Vec::new());
    while at < log.len() {
        at += parser.parse(&log[at..], at as u64, End::Final, &mut builder);
        chunks.push(builder.finish(at as u64).unwrap());
    }
    chunks
}

/// Bytes of its stream that a record of [`chunk_of`] takes.
pub const RECORD: u64 = 100;

/// These records as one forward chunk, the first at position `from`, each [`RECORD`] bytes behind the other.
pub fn chunk_of(from: u64, records: &[LogRecord<'_>]) -> SealedChunk {
    let mut builder = ChunkBuilder::new(ChunkLimits::default());
    builder.begin(from);
    let mut position = from;
    for record in records {
        let _ = builder.record(position, RECORD as usize, record);
        position += RECORD;
    }
    builder.finish(position).unwrap()
}

/// A record of any table with this message, written a number of seconds after 2026-11-22 00:00.
pub fn record_of(table: Table, second: usize, message: &[u8]) -> LogRecord<'_> {
    let unix_micros = (1_795_305_600 + second as i64) * 1_000_000;
    let severity = (table == Table::Postgres).then_some(Severity::Log);
    let mut record = LogRecord::new(table, Timestamp { unix_micros, digits: 3 }, severity);
    record.set_text(Column::Message, Some(message));
    record
}

impl Sender {
    pub async fn connect(address: SocketAddr, stream: StreamId) -> Self {
        Self::connect_from(Ipv4Addr::LOCALHOST, address, stream).await
    }

    /// From another address of this machine.
    pub async fn connect_from(from: Ipv4Addr, address: SocketAddr, stream: StreamId) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let socket = socket.connect(address).await.unwrap();
        Self {
            socket,
            client: Client::new(),
            buffer: BytesMut::new(),
            stream,
            cluster: "orders".to_owned(),
        }
    }

    /// What is sent from now on is of this stream and cluster.
    pub fn change(&mut self, stream: StreamId, cluster: &str) {
        (self.stream, self.cluster) = (stream, cluster.to_owned());
    }

    /// Sends bytes as they are.
    pub async fn send_raw(&mut self, wire: &[u8]) {
        self.socket.write_all(wire).await.unwrap();
    }

    /// Sends a chunk and answers the id to be acked; `false` in place of it when the connection is closed.
    ///
    /// Without `acked` it is one of a sender that keeps no order.
    pub async fn try_send(
        &mut self,
        chunk: &SealedChunk,
        acked: impl Into<Option<u64>>,
    ) -> Option<String> {
        let source = Source {
            cluster: Some(self.cluster.clone()),
            pod: Some("orders-0".into()),
            ..Source::default()
        };
        self.try_send_from(&source, chunk, acked.into()).await
    }

    async fn try_send_from(
        &mut self,
        source: &Source,
        chunk: &SealedChunk,
        acked: Option<u64>,
    ) -> Option<String> {
        let mut wire = Vec::new();
        message("postgres", &self.stream, source, "/log/orders.csv", acked, chunk, &mut wire);
        self.socket.write_all(&wire).await.ok()?;
        Some(chunk_id(&self.stream, chunk.from, chunk.to))
    }

    /// Sends a chunk of this source.
    pub async fn send_from(&mut self, source: &Source, chunk: &SealedChunk, acked: u64) -> String {
        self.try_send_from(source, chunk, Some(acked)).await.expect("an open connection")
    }

    pub async fn send(&mut self, chunk: &SealedChunk, acked: impl Into<Option<u64>>) -> String {
        self.try_send(chunk, acked).await.expect("an open connection")
    }

    /// The next ack; `None` when the connection is closed.
    pub async fn ack(&mut self) -> Option<String> {
        loop {
            if let Some(Event::Ack(chunk)) = self.client.receive(&mut self.buffer).unwrap() {
                return Some(String::from_utf8(chunk).unwrap());
            }
            let read = self.socket.read_buf(&mut self.buffer);
            match tokio::time::timeout(PATIENCE, read).await.expect("no answer") {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Sends all of a log and waits for all acks, on a new connection whenever one ends, as a collector does.
    pub async fn deliver(
        address: SocketAddr,
        stream: StreamId,
        chunks: &[SealedChunk],
        window: usize,
    ) {
        let from = Ipv4Addr::LOCALHOST;
        Self::deliver_from(from, address, stream, "orders", chunks, window).await;
    }

    /// The same for a stream of this cluster.
    pub async fn deliver_as(
        address: SocketAddr,
        stream: StreamId,
        cluster: &str,
        chunks: &[SealedChunk],
        window: usize,
    ) {
        let from = Ipv4Addr::LOCALHOST;
        Self::deliver_from(from, address, stream, cluster, chunks, window).await;
    }

    /// The same from another address of this machine.
    pub async fn deliver_from(
        from: Ipv4Addr,
        address: SocketAddr,
        stream: StreamId,
        cluster: &str,
        chunks: &[SealedChunk],
        window: usize,
    ) {
        let mut acked = 0;
        while acked < chunks.len() {
            let mut sender = Self::connect_from(from, address, stream).await;
            sender.change(stream, cluster);
            let mut sent = acked;
            loop {
                let mut open = true;
                while open && sent < chunks.len() && sent - acked < window {
                    open = sender.try_send(&chunks[sent], chunks[acked].from).await.is_some();
                    sent += 1;
                }
                if acked == chunks.len() {
                    return;
                }
                match sender.ack().await {
                    Some(id) => {
                        assert_eq!(
                            id,
                            chunk_id(&stream, chunks[acked].from, chunks[acked].to),
                            "acks come in order"
                        );
                        acked += 1;
                    }
                    None => break,
                }
            }
        }
    }
}

/// A record of csvlog with this message, at this second of one day.
pub fn record(second: usize, severity: &str, message: &str) -> String {
    format!(
        "2026-11-22 {:02}:{:02}:{:02}.715 UTC,\"app\",\"shop\",4711,\"[local]\",65f0.1267,{second},\"SELECT\",\
         2026-11-22 00:00:00 UTC,3/14,0,{severity},00000,\"{}\",,,,,,,,,\"psql\",\"client backend\",,-42\n",
        second / 3600 % 24,
        second / 60 % 60,
        second % 60,
        message.replace('"', "\"\""),
    )
}

/// A log of so many records.
pub fn log(records: usize) -> Vec<u8> {
    (0..records)
        .map(|at| record(at, "LOG", &format!("message {at}")))
        .collect::<String>()
        .into_bytes()
}
