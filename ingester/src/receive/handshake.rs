//! Who is it? TLS, the client's certificate, and HELO, PING, PONG, before anything else is read.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use trunkline_forward::handshake::{Helo, Pong, SALT};
use trunkline_forward::server::{Event, Server};

use super::Context;
use super::credentials::{Credential, Unknown};
use super::socket::{Reader, Socket, Writer, plain, secured};
use crate::chunk::Refusal;

/// A connection whose client is known.
pub(super) struct Established {
    pub reader: Reader,
    pub writer: Writer,
    pub server: Server,
    /// What was read beyond the handshake.
    pub buf: BytesMut,
    /// Whose it is; `None` where everybody may send.
    pub credential: Option<Arc<Credential>>,
}

/// PING and what follows it at once.
const ROOM: usize = 4 << 10;

/// Shakes hands within the time that the configuration grants. `None` when the peer goes away before.
pub(super) async fn establish(
    socket: Socket,
    context: &Context,
) -> Result<Option<Established>, Refusal> {
    let limit = context.handshake_timeout;
    let shake = shake(socket, context);
    tokio::time::timeout(limit, shake).await.unwrap_or(Err(Refusal::HandshakeTimeout(limit)))
}

async fn shake(socket: Socket, context: &Context) -> Result<Option<Established>, Refusal> {
    let credentials = &context.credentials;
    let mut names = Vec::new();
    let (mut reader, mut writer) = match (socket, &context.tls) {
        (Socket::Tcp(socket), Some(tls)) => {
            let socket = match tls.acceptor().accept(socket).await {
                Ok(socket) => socket,
                Err(error) => return Err(Refusal::Tls(error.to_string())),
            };
            let certificates = socket.get_ref().1.peer_certificates();
            if let Some(certificate) = certificates.and_then(<[_]>::first) {
                names = crate::tls::names(certificate);
            }
            secured(socket)
        }
        (socket, _) => plain(socket),
    };
    let mut buf = BytesMut::new();
    let by_certificate = credentials.by_certificate(&names).cloned();
    if credentials.is_open() || by_certificate.is_ok() || !credentials.need_handshake() {
        let credential = if credentials.is_open() { None } else { Some(by_certificate?) };
        let server = Server::new(context.limits);
        return Ok(Some(Established { reader, writer, server, buf, credential }));
    }

    let auth = if credentials.need_user() { random_text() } else { Vec::new() };
    let helo = Helo { nonce: random_text(), auth, keepalive: true };
    let mut out = Vec::with_capacity(512);
    helo.encode(&mut out);
    if send(&mut writer, &out).await.is_err() {
        return Ok(None);
    }
    let mut server = Server::greeting(context.limits, helo.clone());
    let ping = loop {
        match server.receive(&mut buf)? {
            Some(Event::Ping(ping)) => break ping,
            Some(_) => continue,
            None => {}
        }
        if !matches!(reader.read(&mut buf, ROOM).await, Ok(1..)) {
            return Ok(None);
        }
    };
    out.clear();
    match credentials.by_ping(&helo, &ping) {
        Ok((credential, key)) => {
            Pong::welcome(&helo, &ping, &context.hostname, key).encode(&mut out);
            if send(&mut writer, &out).await.is_err() {
                return Ok(None);
            }
            server.welcome();
            let credential = Some(Arc::clone(credential));
            Ok(Some(Established { reader, writer, server, buf, credential }))
        }
        Err(unknown) => {
            Pong::refuse(&context.hostname, &unknown.to_string()).encode(&mut out);
            // Told or not, it is refused; and the connection closes, or real clients would go on.
            let _ = send(&mut writer, &out).await;
            let client = String::from_utf8_lossy(&ping.client_hostname).into_owned();
            Err(Refusal::Unknown { client, unknown })
        }
    }
}

/// A salt that is text: clients in JavaScript read any string as UTF-8, and would put other bytes into their digests.
fn random_text() -> Vec<u8> {
    let random: [u8; SALT] = rand::random();
    random.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

/// In one write, since real clients can't read a split message.
async fn send(writer: &mut Writer, bytes: &[u8]) -> std::io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}

impl From<Unknown> for Refusal {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown { client: String::new(), unknown }
    }
}
