//! One connection: cuts messages off the socket and hands their forward chunks to the writers.

use std::io;
use std::ops::RangeInclusive;
use std::time::Instant;

use bytes::BytesMut;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::mpsc::{self, Sender};
use tokio_util::sync::CancellationToken;
use trunkline_forward::Message;
use trunkline_forward::server::{Event, Server};
use trunkline_record::ChunkHeader;

use super::{Context, WriterGone, answer};
use crate::chunk::{Answer, Chunk, Refusal, Reply};

/// Forward chunks of one connection that may be unanswered before it is read no further. A collector's window is smaller; what
/// bounds memory is [`super::Memory`].
const MAX_UNANSWERED: usize = 256;

/// Room for one read from the socket. It begins small and follows what the connection sends, since a forward chunk keeps the memory of
/// the whole read that it came in; and it is allocated only when there is something to read, so an idle connection holds none.
const READ: RangeInclusive<usize> = (4 << 10)..=(256 << 10);

/// What a forward chunk is counted for in memory beside its bytes: its header, and its place in queues and batches.
const OVERHEAD: usize = 1 << 10;

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
            Err(End::NoWriter(error)) => tracing::error!(%error, "connection closed"),
        }
    };
    tokio::join!(read, answer::answer(queue, writer, context, &closing));
}

/// Why reading ended, other than by the peer or by `stop`.
#[derive(Debug)]
enum End {
    Refused(Refusal),
    Io(io::Error),
    NoWriter(WriterGone),
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
    let mut room = *READ.start();
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
        buf.reserve(room);
        match reader.try_read_buf(&mut buf) {
            Ok(0) if buf.is_empty() => return Ok(()),
            Ok(0) => return Err(End::Io(io::ErrorKind::UnexpectedEof.into())),
            Ok(bytes) => {
                context.metrics.bytes.inc_by(bytes as u64);
                room = next_room(room, bytes);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(End::Io(error)),
        }
    }
}

/// More after a read that took all there was, less after one that hardly took any.
fn next_room(room: usize, read: usize) -> usize {
    let next = match read {
        read if read >= room => room * 2,
        read if read < room / 4 => room / 2,
        _ => room,
    };
    next.clamp(*READ.start(), *READ.end())
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
    let memory = context.memory.take(message.packed_len() + OVERHEAD).await;
    // Closed only once the answering side has ended, and then `closing` is cancelled.
    let Ok(permit) = answers.clone().reserve_owned().await else { return Ok(()) };
    let reply = Reply::new(permit, message.options.chunk.clone(), context.metrics.clone());
    let chunk = Chunk { header, message, reply, received: Instant::now(), memory };
    context.route.send(chunk).await.map_err(End::NoWriter)
}
