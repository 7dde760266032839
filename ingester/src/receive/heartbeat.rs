//! UDP heartbeats: old clients ask this way whether the server is there.

use std::io;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

/// The datagram that answers; as Fluentd sends it.
const ANSWER: [u8; 1] = [0];

/// After a failure to receive.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers each datagram with one byte, until `stop`. The answer is never larger than the question, so nobody gains by asking in another's name.
pub async fn answer_heartbeats(socket: UdpSocket, stop: CancellationToken) {
    let mut question = [0; 1];
    let answered = async |question: &mut [u8]| -> io::Result<()> {
        // A datagram is cut to the room that there is.
        let (len, peer) = socket.recv_from(question).await?;
        if len > 0 {
            socket.send_to(&ANSWER, peer).await?;
        }
        Ok(())
    };
    while let Some(result) = stop.run_until_cancelled(answered(&mut question)).await {
        if let Err(error) = result {
            tracing::debug!(%error, "heartbeat not answered");
            tokio::time::sleep(PAUSE).await;
        }
    }
}
