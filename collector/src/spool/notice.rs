//! What the collector itself has to say of records that it had to give up: records of `log.component`,
//! in a stream of their own.

use std::{collections::BTreeMap, io, sync::Arc, time::SystemTime};

use trunkline_record::{
    ChunkBuilder, ChunkLimits, Column, LogRecord, Severity, Sink, Source, StreamId, Table,
    Timestamp,
};

use super::frame::Head;
use crate::{
    format::unix_micros,
    identity::{FileId, Fingerprint},
    outbox::Chunk,
    streams::Stream,
};

/// The component in the store, and the path of the stream.
const COMPONENT: &str = "trunkline-collector";

/// Records that are given up, by stream.
#[derive(Debug, Default)]
pub struct Losses {
    by_stream: BTreeMap<String, Lost>,
    /// Bytes of which it isn't known whose they were.
    unknown: u64,
}

/// A stretch of one stream.
#[derive(Debug)]
struct Lost {
    path: String,
    source: Arc<Source>,
    records: u64,
    from: u64,
    to: u64,
}

impl Losses {
    /// A frame is given up.
    pub fn add(&mut self, head: &Head) {
        let lost = self.by_stream.entry(head.stream.clone()).or_insert_with(|| Lost {
            path: head.path.clone(),
            source: Arc::new(head.source()),
            records: 0,
            from: head.from,
            to: head.to,
        });
        lost.records += head.count();
        lost.from = lost.from.min(head.from);
        lost.to = lost.to.max(head.to);
    }

    /// Bytes are given up.
    pub fn add_bytes(&mut self, bytes: u64) {
        self.unknown += bytes;
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_stream.is_empty() && self.unknown == 0
    }

    /// How many records.
    pub fn records(&self) -> u64 {
        self.by_stream.values().map(|lost| lost.records).sum()
    }

    /// Says so in the log, and makes the forward chunks that say so in the store: one for each source.
    pub fn notices(self, why: &str, own: &Arc<Source>) -> io::Result<Vec<Chunk>> {
        let mut texts: Vec<(Arc<Source>, Vec<String>)> = Vec::new();
        let mut say = |source: Arc<Source>, text: String| {
            tracing::error!("{text}");
            match texts.iter_mut().find(|(other, _)| *other == source) {
                Some((_, texts)) => texts.push(text),
                None => texts.push((source, vec![text])),
            }
        };
        for Lost { path, source, records, from, to } in self.by_stream.into_values() {
            say(
                source,
                format!("dropped {records} records of {path}, positions {from}..{to}: {why}"),
            );
        }
        if self.unknown > 0 {
            let text = format!("dropped {} bytes of the spool: {why}", self.unknown);
            say(Arc::clone(own), text);
        }
        texts.into_iter().map(|(source, texts)| notice(source, &texts)).collect()
    }
}

/// A forward chunk of a stream that has no other, with one record for each text.
fn notice(source: Arc<Source>, texts: &[String]) -> io::Result<Chunk> {
    let now = SystemTime::now();
    let time = Timestamp { unix_micros: unix_micros(now).unwrap_or_default(), digits: 6 };
    let mut builder = ChunkBuilder::new(ChunkLimits::default());
    builder.begin(0);
    for (position, text) in texts.iter().enumerate() {
        let mut record = LogRecord::new(Table::Component, time, Some(Severity::Warning));
        record.set_text(Column::Component, Some(COMPONENT.as_bytes()));
        record.set_text(Column::Message, Some(text.as_bytes()));
        // A limit of size is not asked for here: all of it is one forward chunk.
        let _ = builder.record(position as u64, text.len(), &record);
    }
    let sealed = builder.finish(texts.len() as u64).map_err(io::Error::other)?;
    let stream = Stream::remembered(
        StreamId(rand::random()),
        FileId { dev: 0, ino: 0 },
        Fingerprint([0; 32]),
        0,
        COMPONENT.to_owned(),
        0,
        now,
    );
    Ok(Chunk { stream: Arc::new(stream), source, sealed })
}
