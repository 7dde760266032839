//! One connection: cuts messages off the socket and hands their forward chunks to the writers.

use std::io;
use std::time::Instant;

use bytes::BytesMut;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::mpsc::{self, Sender};
use tokio_util::sync::CancellationToken;
use trunkline_forward::Message;
use trunkline_forward::server::{Event, Server};
use trunkline_record::{ChunkHeader, TABLE_POSTGRES};

use super::{Context, answer};
use crate::chunk::{Answer, Chunk, Refusal, Reply};

/// Forward chunks of one connection that may be unanswered before it is read no further. A collector's window is smaller; what
/// bounds memory is [`super::Memory`].
const MAX_UNANSWERED: usize = 256;

/// Read from the socket at a time, and allocated only when there is something to read: an idle connection holds no buffer.
const READ: usize = 128 << 10;

/// Serves the connection until its peer ends it, one of its forward chunks is refused, or `stop`.
///
/// After `stop`, or after the peer ended its side, what was received is still answered.
pub(super) async fn serve(socket: TcpStream, context: &Context, stop: &CancellationToken) {
    tracing::debug!("connected");
    // An ack is small and somebody waits for it.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "connection lost");
        return;
    }
    let (reader, writer) = socket.into_split();
    let (answers, queue) = mpsc::channel(MAX_UNANSWERED);
    let closing = stop.child_token();
    let read = async {
        let result = read(reader, answers, context, &closing).await;
        match result {
            Ok(()) => tracing::debug!("disconnected"),
            Err(End::Refused(refusal)) => {
                context.metrics.refused(refusal.kind());
                tracing::warn!(reason = %refusal, kind = refusal.kind(), "connection refused");
            }
            Err(End::Io(error)) => tracing::debug!(%error, "connection lost"),
            Err(End::NoWriter) => {
                tracing::error!("connection closed: the writer of its stream has ended")
            }
        }
    };
    tokio::join!(read, answer::answer(queue, writer, context, &closing));
}

/// Why reading ended, other than by the peer or by `stop`.
#[derive(Debug)]
enum End {
    Refused(Refusal),
    Io(io::Error),
    NoWriter,
}

impl<R: Into<Refusal>> From<R> for End {
    fn from(refusal: R) -> Self {
        Self::Refused(refusal.into())
    }
}

async fn read(
    reader: OwnedReadHalf,
    answers: Sender<Answer>,
    context: &Context,
    closing: &CancellationToken,
) -> Result<(), End> {
    let mut server = Server::new(context.limits);
    let mut buf = BytesMut::new();
    loop {
        while let Some(event) = server.receive(&mut buf)? {
            match event {
                Event::Heartbeat => {}
                Event::Message(message) => {
                    let taken = take(message, &answers, context);
                    // `closing` means that nobody wants it any more: dropped unanswered, it stays with its sender.
                    tokio::select! {
                        () = closing.cancelled() => return Ok(()),
                        taken = taken => taken?,
                    }
                }
            }
        }
        if buf.is_empty() {
            buf = BytesMut::new();
        }
        tokio::select! {
            () = closing.cancelled() => return Ok(()),
            ready = reader.readable() => ready.map_err(End::Io)?,
        }
        buf.reserve(READ);
        match reader.try_read_buf(&mut buf) {
            Ok(0) if buf.is_empty() => return Ok(()),
            Ok(0) => return Err(End::Io(io::ErrorKind::UnexpectedEof.into())),
            Ok(bytes) => {
                context.metrics.bytes.inc_by(bytes as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(End::Io(error)),
        }
    }
}

/// Hands one message to its writer, waiting for memory, for a place among the unanswered and for a place in the queue.
async fn take(message: Message, answers: &Sender<Answer>, context: &Context) -> Result<(), End> {
    let tag = || String::from_utf8_lossy(&message.tag).into_owned();
    if let Some(signal @ 1..) = message.options.fluent_signal {
        return Err(Refusal::Signal { tag: tag(), signal }.into());
    }
    let Some(header) = ChunkHeader::from_options(&message.options)? else {
        // Here the messages of other senders will get their stream from tag and chunk id.
        return Err(Refusal::Foreign { tag: tag() }.into());
    };
    if header.table != TABLE_POSTGRES {
        return Err(Refusal::Table { stream: header.stream, table: header.table }.into());
    }
    let memory = context.memory.take(message.packed_len()).await;
    // Closed only once the answering side has ended, and then `closing` is cancelled.
    let Ok(permit) = answers.clone().reserve_owned().await else { return Ok(()) };
    let reply = Reply::new(permit, message.options.chunk.clone(), context.metrics.clone());
    let chunk = Chunk { header, message, reply, received: Instant::now(), memory };
    context.route.send(chunk).await.map_err(|_| End::NoWriter)
}
