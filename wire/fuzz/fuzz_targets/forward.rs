//! What a peer may send: messages in any pieces, their options and chunk headers, their entries.
#![no_main]

use bytes::BytesMut;
use trunkline_forward::server::{Event, Server};
use trunkline_forward::{EntryReader, Inflater, Limits, client::Client};
use trunkline_record::{ChunkHeader, RecordSlots};

const LIMITS: Limits = Limits { max_message: 1 << 16, max_decompressed: 1 << 18 };

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&step, wire)) = input.split_first() else { return };
    let (mut server, mut client) = (Server::new(LIMITS), Client::new());
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
});
