//! The answering side of a connection: acks in the order of the commits, each in one write.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;
use trunkline_forward::ack;

use super::Context;
use super::socket::Writer;
use crate::chunk::Answer;

/// A peer that doesn't take its acks for this long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The end of TLS is a message too, which a peer that is gone won't take.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Writes answers until the reading side and every writer have dropped theirs, then closes. A refusal, or a peer that doesn't
/// read, ends the connection at once: `closing` tells the reading side.
pub(super) async fn answer(
    mut queue: Receiver<Answer>,
    mut socket: Writer,
    context: &Context,
    closing: &CancellationToken,
) {
    let mut out = Vec::with_capacity(64);
    while let Some(answer) = queue.recv().await {
        let chunk = match answer {
            Answer::Ack(chunk) => chunk,
            Answer::Stored => continue,
            Answer::Abandoned => break,
            Answer::Refuse(refusal) => {
                context.metrics.refused(refusal.kind());
                tracing::warn!(reason = %refusal, kind = refusal.kind(), "connection refused");
                break;
            }
        };
        out.clear();
        ack::encode(&chunk, &mut out);
        match tokio::time::timeout(WRITE_TIMEOUT, write(&mut socket, &out)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "connection lost");
                break;
            }
            Err(_) => {
                tracing::warn!("connection closed: its peer doesn't read acks");
                break;
            }
        }
    }
    closing.cancel();
    // The peer learns behind the last ack that there won't be another.
    let _ = tokio::time::timeout(END_TIMEOUT, socket.shutdown()).await;
}

/// In one write; TLS has to be told that nothing follows.
async fn write(socket: &mut Writer, bytes: &[u8]) -> std::io::Result<()> {
    socket.write_all(bytes).await?;
    socket.flush().await
}
