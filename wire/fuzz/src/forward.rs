//! What a peer may send: handshakes and messages in any pieces, their options and chunk headers, their entries.

use bytes::BytesMut;
use trunkline_forward::client::{Client, Credentials};
use trunkline_forward::handshake::Helo;
use trunkline_forward::server::{Event, Server};
use trunkline_forward::{EntryReader, Inflater, Limits};
use trunkline_record::{ChunkHeader, RecordSlots};

const LIMITS: Limits = Limits { max_message: 1 << 16, max_decompressed: 1 << 18 };

/// The first byte says in what pieces the rest arrives, and whether there is a handshake.
pub fn forward(input: &[u8]) {
    let Some((&step, wire)) = input.split_first() else { return };
    // Every other step is that of a connection with a handshake.
    let (mut server, mut client) = if step & 1 == 0 {
        (Server::new(LIMITS), Client::new())
    } else {
        let credentials =
            Credentials { hostname: "c".into(), shared_key: b"k".to_vec(), user: None };
        let client = Client::with_credentials(credentials, [0; 16]);
        (Server::greeting(LIMITS, helo()), client)
    };
    let (mut to_server, mut to_client) = (BytesMut::new(), BytesMut::new());
    let mut inflater = Inflater::new(LIMITS.max_decompressed);
    let (mut refused, mut lost) = (false, false);
    for piece in wire.chunks(usize::from(step) + 1) {
        to_client.extend_from_slice(piece);
        while !lost {
            match client.receive(&mut to_client) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => lost = true,
            }
        }
        to_server.extend_from_slice(piece);
        while !refused {
            let message = match server.receive(&mut to_server) {
                Ok(Some(Event::Message(message))) => message,
                Ok(Some(Event::Heartbeat)) => continue,
                Ok(Some(Event::Ping(ping))) => {
                    let _ = (ping.holds(&helo(), b"k"), ping.knows(&helo(), b"p"));
                    server.welcome();
                    continue;
                }
                Ok(None) => break,
                Err(_) => {
                    refused = true;
                    break;
                }
            };
            let _ = ChunkHeader::from_options(&message.options);
            let Ok(entries) = message.entries(&mut inflater) else { continue };
            assert!(entries.len() <= LIMITS.max_decompressed);
            let mut entries = EntryReader::new(entries);
            let mut slots = RecordSlots::new();
            while let Ok(Some(_)) = slots.read(&mut entries) {}
        }
    }
}

fn helo() -> Helo {
    Helo { nonce: vec![1; 16], auth: vec![2; 16], keepalive: true }
}
