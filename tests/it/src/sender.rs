//! A collector reduced to its wire: it sends what a test tells it to, right or wrong, and reports what is answered.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use trunkline_forward::client::{Client, Event};
use trunkline_record::{
    ChunkBuilder, ChunkLimits, End, Format, LogSettings, Parser, Source, StreamId, chunk_id,
    message,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The ack of a chunk.
    Ack(String),
    /// The end of the connection.
    Closed,
}

/// One connection to an ingester, and one stream.
pub struct Sender {
    socket: TcpStream,
    client: Client,
    buffer: BytesMut,
    /// The stream that chunks are said to be of.
    pub stream: StreamId,
}

impl Sender {
    /// Connects, for this stream.
    pub async fn connect(address: &str, stream: StreamId) -> Result<Self> {
        let socket =
            TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
        Ok(Self { socket, client: Client::new(), buffer: BytesMut::new(), stream })
    }

    /// The same from another address of this machine.
    pub async fn connect_from(from: Ipv4Addr, address: &str, stream: StreamId) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let socket = socket.connect(address.parse()?);
        let socket = socket.await.with_context(|| format!("connect to {address}"))?;
        Ok(Self { socket, client: Client::new(), buffer: BytesMut::new(), stream })
    }

    /// Sends the part of a csvlog from `from` to its end as one chunk; answers the id to be acked.
    pub async fn send(&mut self, log: &[u8], from: usize, acked: usize) -> Result<String> {
        let mut parser = Parser::new(Format::Csvlog, &LogSettings::default());
        let mut builder =
            ChunkBuilder::new(ChunkLimits { bytes: usize::MAX, ..ChunkLimits::default() });
        builder.begin(from as u64);
        parser.parse(&log[from..], from as u64, End::Final, &mut builder);
        let chunk = builder.finish(log.len() as u64)?;
        let source = Source { cluster: Some("orders".into()), ..Source::default() };
        let mut wire = Vec::new();
        message(
            "postgres",
            &self.stream,
            &source,
            "/log/orders.csv",
            Some(acked as u64),
            &chunk,
            &mut wire,
        );
        self.send_raw(&wire).await?;
        Ok(chunk_id(&self.stream, chunk.from, chunk.to))
    }

    /// Sends bytes as they are.
    pub async fn send_raw(&mut self, wire: &[u8]) -> Result<()> {
        self.socket.write_all(wire).await.context("send")
    }

    /// Whether the peer has reset the connection, which may cost what it sent before.
    pub fn is_reset(&self) -> Result<bool> {
        Ok(self.socket.take_error()?.is_some())
    }

    /// Waits for the next answer.
    pub async fn answer(&mut self) -> Result<Answer> {
        loop {
            if let Some(Event::Ack(chunk)) = self.client.receive(&mut self.buffer)? {
                return Ok(Answer::Ack(String::from_utf8(chunk)?));
            }
            let read = self.socket.read_buf(&mut self.buffer);
            match tokio::time::timeout(PATIENCE, read).await.context("no answer")? {
                // A refused peer may find its connection reset as well as closed.
                Ok(0) | Err(_) => return Ok(Answer::Closed),
                Ok(_) => {}
            }
        }
    }
}

/// A record of csvlog with this message, at this second of one day.
pub fn csvlog_record(second: u32, severity: &str, message: &str) -> String {
    format!(
        "2026-11-22 {:02}:{:02}:{:02}.715 UTC,\"app\",\"shop\",4711,\"[local]\",65f0.1267,{second},\"SELECT\",\
         2026-11-22 00:00:00 UTC,3/14,0,{severity},00000,\"{}\",,,,,,,,,\"psql\",\"client backend\",,-42\n",
        second / 3600,
        second / 60 % 60,
        second % 60,
        message.replace('"', "\"\""),
    )
}
