//! One connection: cuts messages off the socket and hands their forward chunks to the writers.

use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::{self, Sender};
use tokio_util::sync::CancellationToken;
use trunkline_forward::Message;
use trunkline_forward::server::{Event, Server};
use trunkline_record::ChunkHeader;

use super::credentials::Credential;
use super::foreign::Converted;
use super::handshake::{Established, establish};
use super::socket::{Reader, Socket};
use super::turns::{Turn, Turns};
use super::{Context, MemoryPermit, PeerMemory, WriterGone, answer};
use crate::chunk::{Answer, Chunk, Foreign, Refusal, Reply};

/// Forward chunks of one connection that may be unanswered before it is read no further. A collector's window is smaller; what
/// bounds memory is [`super::Memory`].
const MAX_UNANSWERED: usize = 256;

/// Room for one read from the socket. It begins small and follows what the connection sends, since a forward chunk keeps the memory of
/// the whole read that it came in; and it is allocated only when there is something to read, so an idle connection holds none.
const READ: RangeInclusive<usize> = (4 << 10)..=(256 << 10);

/// What is read behind a long message, so that the next one's length comes with it.
const AHEAD: usize = 4 << 10;

/// How long a peer may take to end its side after a stop, once it has all its acks.
const LINGER: Duration = Duration::from_secs(2);

/// What a forward chunk is counted for in memory beside its bytes: its header, and its place in queues and batches.
const OVERHEAD: usize = 1 << 10;

/// Bytes of an unfinished message that every connection may hold without asking for its share of the memory.
const FREE: u64 = 64 << 10;

/// Serves the connection until its peer ends it, one of its forward chunks is refused, or `stop`.
///
/// After `stop`, or after the peer ended its side, what was received is still answered.
pub(super) async fn serve(
    socket: Socket,
    memory: PeerMemory,
    context: &Context,
    stop: &CancellationToken,
) {
    tracing::debug!("connected");
    let established = tokio::select! {
        () = stop.cancelled() => return,
        established = establish(socket, context) => established,
    };
    let Established { mut reader, writer, server, buf, credential } = match established {
        Ok(Some(established)) => established,
        Ok(None) => {
            context.metrics.vanished.inc();
            return tracing::debug!("gone before the handshake was done");
        }
        Err(refusal) => return refuse(&refusal, context),
    };
    let (answers, queue) = mpsc::channel(MAX_UNANSWERED);
    let closing = stop.child_token();
    let turns = Turns::new(MAX_UNANSWERED, &memory);
    let connection = Connection { context, credential, memory, turns, answers };
    let read = async {
        match connection.read(&mut reader, server, buf, &closing).await {
            Ok(()) => tracing::debug!("disconnected"),
            Err(End::Refused(refusal)) => refuse(&refusal, context),
            Err(End::Io(error)) => tracing::debug!(%error, "connection lost"),
            Err(End::NoWriter(error)) => tracing::error!(%error, "connection closed"),
        }
        drop(connection);
    };
    tokio::join!(read, answer::answer(queue, writer, context, &closing));
    if stop.is_cancelled() {
        let _ = tokio::time::timeout(LINGER, discard(&mut reader)).await;
    }
}

/// Reads on until the peer ends its side too. A socket that is closed with bytes unread is reset, and the peer would lose acks that
/// it hasn't read yet.
async fn discard(reader: &mut Reader) {
    let mut buf = BytesMut::new();
    while let Ok(1..) = reader.read(&mut buf, *READ.end()).await {
        buf.clear();
    }
}

fn refuse(refusal: &Refusal, context: &Context) {
    context.metrics.refused(refusal.kind());
    tracing::warn!(reason = %refusal, kind = refusal.kind(), "connection refused");
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

/// The reading side of a connection whose client is known.
struct Connection<'a> {
    context: &'a Context,
    /// Whose it is; `None` where everybody may send.
    credential: Option<Arc<Credential>>,
    memory: PeerMemory,
    turns: Turns,
    answers: Sender<Answer>,
}

impl Connection<'_> {
    async fn read(
        &self,
        reader: &mut Reader,
        mut server: Server,
        mut buf: BytesMut,
        closing: &CancellationToken,
    ) -> Result<(), End> {
        let context = self.context;
        let mut room = *READ.start();
        // When the message that isn't whole yet began, and its share of the memory.
        let mut begun = Instant::now();
        let mut share = Share::default();
        loop {
            while let Some(event) = server.receive(&mut buf)? {
                begun = Instant::now();
                if let Event::Message(message) = event {
                    let taken = self.take(message, share.whole());
                    // `closing` means that nobody wants it any more: dropped unanswered, it stays with its sender.
                    tokio::select! {
                        () = closing.cancelled() => return Ok(()),
                        taken = taken => taken?,
                    }
                }
            }
            let unfinished = !buf.is_empty();
            if !unfinished {
                buf = BytesMut::new();
            }
            // While we have no room for it the peer isn't the slow one.
            let waiting = Instant::now();
            tokio::select! {
                () = closing.cancelled() => return Ok(()),
                () = share.grow(server.announced(), &self.memory) => begun += waiting.elapsed(),
            }
            let overdue = async {
                if unfinished {
                    tokio::time::sleep_until((begun + context.message_timeout).into()).await;
                } else {
                    std::future::pending().await
                }
            };
            let long = make_room(&mut buf, server.announced());
            let read = tokio::select! {
                () = closing.cancelled() => return Ok(()),
                () = overdue => return Err(Refusal::MessageTimeout(context.message_timeout).into()),
                read = reader.read(&mut buf, long.unwrap_or(room)) => read.map_err(End::Io)?,
            };
            match read {
                0 if unfinished => return Err(Refusal::Truncated.into()),
                0 => return Ok(()),
                _ if !unfinished => begun = Instant::now(),
                _ => {}
            }
            context.metrics.bytes.inc_by(read as u64);
            // It says its length in its first bytes, and so will the next one.
            room = if long.is_some() { *READ.start() } else { next_room(room, read) };
        }
    }

    /// Hands one message to its writer, waiting for memory, for a place among the unanswered and for a place in the queue.
    async fn take(&self, message: Message, share: Option<MemoryPermit>) -> Result<(), End> {
        let context = self.context;
        let tag = || String::from_utf8_lossy(&message.tag).into_owned();
        if let Some(signal @ 1..) = message.options.fluent_signal {
            return Err(Refusal::Signal { tag: tag(), signal }.into());
        }
        let Some(header) = ChunkHeader::from_options(&message.options)? else {
            return self.take_foreign(message, share).await;
        };
        if let Some(credential) = &self.credential
            && let Err(forbidden) = credential.check(&header.source)
        {
            let shard = context.route.shard(&header.source, None);
            context.notes.take(shard, header, forbidden.clone());
            return Err(forbidden.into());
        }
        let memory = match share {
            Some(share) => share,
            None => self.memory.take(message.packed_len() + OVERHEAD).await,
        };
        let chunk = message.options.chunk.clone();
        self.hand_over(chunk, header, message, memory, None).await
    }

    /// The same for a message of another sender, after it was made into a forward chunk of ours.
    async fn take_foreign(&self, message: Message, share: Option<MemoryPermit>) -> Result<(), End> {
        let context = self.context;
        let mut share = match share {
            Some(share) => share,
            None => self.memory.take(message.packed_len() + OVERHEAD).await,
        };
        let converted = loop {
            let converted = context.foreign.convert(&message, self.credential.clone()).await?;
            let Some(size) = converted.as_ref().map(|converted| converted.message.packed_len())
            else {
                break None;
            };
            if self.memory.try_grow(&mut share, size + OVERHEAD) {
                break converted;
            }
            // Held as it came until there is memory for what becomes of it.
            drop(converted);
            self.memory.grow(&mut share, size + OVERHEAD).await;
        };
        let chunk = message.options.chunk.clone();
        drop(message);
        let Some(Converted { header, message, foreign, forbidden }) = converted else {
            if let Some(reply) = self.reply(chunk).await {
                reply.stored();
            }
            return Ok(());
        };
        context.metrics.forbidden.inc_by(forbidden);
        self.hand_over(chunk, header, message, share, Some(foreign)).await
    }

    /// A place among the unanswered; `None` once nobody answers any more.
    async fn reply(&self, chunk: Option<Bytes>) -> Option<Reply> {
        // Closed only once the answering side has ended, and then `closing` is cancelled.
        let permit = self.answers.clone().reserve_owned().await.ok()?;
        Some(Reply::new(permit, chunk, self.context.metrics.clone()))
    }

    /// Gives a forward chunk to its writer.
    async fn hand_over(
        &self,
        chunk: Option<Bytes>,
        header: ChunkHeader,
        message: Message,
        mut memory: MemoryPermit,
        foreign: Option<Foreign>,
    ) -> Result<(), End> {
        let route = &self.context.route;
        let shard = route.shard(&header.source, foreign.as_ref());
        match self.turns.take(shard, &memory, chunk.is_some()).await {
            Turn::Taken(turn) => memory.keep(turn),
            Turn::Left => {
                route.count_left(shard);
                return Ok(());
            }
        }
        let Some(reply) = self.reply(chunk).await else { return Ok(()) };
        let received = Instant::now();
        let chunk = Chunk { header, message, reply, received, memory, foreign };
        route.send(shard, chunk).await.map_err(End::NoWriter)
    }
}

/// The memory that a message takes while it arrives. What one message announces is asked for as a whole, so that messages that have
/// begun don't wait for one another.
#[derive(Default)]
struct Share {
    permit: Option<MemoryPermit>,
    bytes: u64,
}

impl Share {
    /// Waits until there is memory for an unfinished message of so many bytes.
    async fn grow(&mut self, announced: u64, memory: &PeerMemory) {
        if announced > self.bytes.max(FREE) {
            self.permit = None;
            // Bounded by the largest message.
            let bytes = usize::try_from(announced).unwrap_or(usize::MAX);
            self.permit = Some(memory.take(bytes.saturating_add(OVERHEAD)).await);
            self.bytes = announced;
        }
    }

    /// The message is whole: its share becomes that of its forward chunk.
    fn whole(&mut self) -> Option<MemoryPermit> {
        self.bytes = 0;
        self.permit.take()
    }
}

/// Gives a message that is longer than a read memory of its own length, so that it is read straight into what is kept; answers how much
/// there is to read then. One that says its length only bit by bit gets twice as much each time.
fn make_room(buf: &mut BytesMut, announced: u64) -> Option<usize> {
    // Bounded by the largest message.
    let announced = usize::try_from(announced).ok()?;
    if announced <= *READ.end() {
        return None;
    }
    if buf.capacity() < announced.max(buf.len() + 1) {
        let mut whole = BytesMut::with_capacity((announced + AHEAD).max(buf.len() * 2));
        whole.extend_from_slice(buf);
        *buf = whole;
    }
    Some(buf.capacity() - buf.len())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_gets_memory_of_its_own_length_at_once() {
        let (length, begun) = (3 << 20, vec![7; 100]);
        let mut buf = BytesMut::from(&begun[..]);
        let room = make_room(&mut buf, length as u64).unwrap();
        assert_eq!(buf, begun);
        assert_eq!((buf.capacity(), room), (length + AHEAD, length + AHEAD - begun.len()));
        let at = buf.as_ptr();
        buf.resize(length - 1, 7);
        assert_eq!(make_room(&mut buf, length as u64), Some(AHEAD + 1));
        assert_eq!(buf.as_ptr(), at, "read straight into it");
    }

    #[test]
    fn one_whose_length_shows_bit_by_bit_is_not_copied_for_each_bit() {
        let (mut buf, mut moves) = (BytesMut::zeroed(*READ.end() + 1), 0);
        while buf.len() < 16 << 20 {
            let before = buf.capacity();
            let announced = buf.len() as u64 + 1;
            let room = make_room(&mut buf, announced).unwrap();
            moves += usize::from(buf.capacity() != before);
            buf.resize(buf.len() + room.min(5_000), 0);
        }
        assert!(moves < 8, "{moves}");
    }

    #[test]
    fn a_short_message_takes_what_a_read_takes() {
        let mut buf = BytesMut::new();
        assert_eq!(make_room(&mut buf, *READ.end() as u64), None);
        assert_eq!(buf.capacity(), 0);
    }
}
