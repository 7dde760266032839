//! What the host keeps of what an input gave it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use trunkline_forward::EntryReader;
use trunkline_forward::msgpack::{Reader, Value};
use trunkline_record::ChunkHeader;
use trunkline_record::event::Mark;

/// An event of an input.
#[derive(Debug)]
pub struct Event {
    pub header: ChunkHeader,
    pub position: u64,
    pub from: u64,
    pub next: u64,
    /// The record's members: texts as they are, numbers in decimal.
    pub record: BTreeMap<String, Vec<u8>>,
}

/// The events in the chunks of one instance, in their order.
pub fn events(storage: &Path, instance: usize) -> Vec<Event> {
    let mut chunks: Vec<_> =
        fs::read_dir(storage).unwrap().map(|file| file.unwrap().path()).collect();
    chunks.retain(|path| path.display().to_string().ends_with(&format!("-{instance}.chunk")));
    chunks.sort();
    let mut events = Vec::new();
    for chunk in chunks {
        let content = fs::read(&chunk).unwrap();
        let (len, content) = content.split_first_chunk::<8>().unwrap();
        let len = usize::try_from(u64::from_le_bytes(*len)).unwrap();
        read(&content[..len], &mut events);
    }
    events
}

fn read(content: &[u8], events: &mut Vec<Event>) {
    let mut reader = EntryReader::new(content);
    while reader.next_head().unwrap().is_some() {
        let mark = Mark::read(&mut Reader::new(reader.metadata().unwrap()), &[]).unwrap();
        events.push(Event {
            header: ChunkHeader::decode(mark.header).unwrap(),
            position: mark.position,
            from: mark.from,
            next: mark.next,
            record: members(reader.record()),
        });
    }
}

fn members(reader: &mut Reader<'_>) -> BTreeMap<String, Vec<u8>> {
    let Value::Map(pairs) = reader.read().unwrap() else { panic!("no map") };
    let pair = |_| {
        let key = String::from_utf8(reader.read().unwrap().bytes().unwrap().to_vec()).unwrap();
        let value = match reader.read().unwrap() {
            Value::Str(text) | Value::Bin(text) => text.to_vec(),
            value => value.integer().unwrap().to_string().into_bytes(),
        };
        (key, value)
    };
    (0..pairs).map(pair).collect()
}
