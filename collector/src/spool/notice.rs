//! What the collector itself has to say of records that it had to give up: records of `log.component`,
//! in a stream of their own.
//!
//! What each of them says in words stands beside it in `extra`, so that a notice that is given up in its turn becomes a part of the one
//! that says so: however long nobody takes anything, there is no more to say than there are files and sources.

use std::{cmp::Reverse, collections::BTreeMap, io, sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};
use trunkline_forward::{Compression, EntryReader, Inflater};
use trunkline_record::{
    ChunkBuilder, ChunkLimits, Column, LogRecord, RecordSlots, Severity, Sink, Source, StreamId,
    Table, Timestamp,
};

use super::frame::{BODY_MAX, Head};
use crate::{
    format::unix_micros,
    identity::{FileId, Fingerprint},
    outbox::Chunk,
    streams::Stream,
};

/// The component in the store, and the path of the stream.
const COMPONENT: &str = "trunkline-collector";

/// So many files of one source are named, those that lost most; what the others lost is one number.
const NAMED: usize = 100;

/// What is given up.
#[derive(Debug, Default)]
pub struct Losses {
    by_source: Vec<(Arc<Source>, BTreeMap<Of, Lost>)>,
}

/// What something is lost of, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Of {
    why: String,
    #[serde(flatten)]
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
enum What {
    /// Bytes of which it isn't known whose they were.
    Spool,
    /// Files that are too many to be named.
    OtherFiles,
    /// A stream, by its id and the file's name.
    File { stream: String, path: String },
}

/// How much of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Lost {
    #[serde(skip_serializing_if = "is_none")]
    records: u64,
    #[serde(skip_serializing_if = "is_none")]
    bytes: u64,
    /// The positions between which a stream's records were.
    #[serde(flatten)]
    stretch: Option<Stretch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stretch {
    from: u64,
    to: u64,
}

/// What stands in a record's `extra`.
#[derive(Debug, Serialize, Deserialize)]
struct Said {
    #[serde(flatten)]
    of: Of,
    #[serde(flatten)]
    lost: Lost,
}

impl Losses {
    /// A frame is given up.
    pub fn add(&mut self, head: &Head, why: &str) {
        let what = What::File { stream: head.stream.clone(), path: head.path.clone() };
        let stretch = Some(Stretch { from: head.from, to: head.to });
        let lost = Lost { records: head.count(), bytes: 0, stretch };
        self.say(head.source(), Of { why: why.to_owned(), what }, lost);
    }

    /// Bytes are given up of which it isn't known whose they were.
    pub fn add_bytes(&mut self, bytes: u64, own: &Source, why: &str) {
        if bytes > 0 {
            let of = Of { why: why.to_owned(), what: What::Spool };
            self.say(own.clone(), of, Lost { bytes, ..Lost::default() });
        }
    }

    /// A notice is given up: what it says is said again. False if it isn't one that can be read.
    pub fn add_notice(&mut self, head: &Head, entries: &[u8]) -> bool {
        let Some(all) = read(entries) else { return false };
        for Said { of, lost } in all {
            self.say(head.source(), of, lost);
        }
        true
    }

    /// All of the other's too.
    pub fn add_all(&mut self, other: &Self) {
        for (source, losses) in &other.by_source {
            for (of, lost) in losses {
                self.say(Source::clone(source), of.clone(), *lost);
            }
        }
    }

    fn say(&mut self, source: Source, of: Of, lost: Lost) {
        let at = self.by_source.iter().position(|(other, _)| **other == source);
        let at = at.unwrap_or_else(|| {
            self.by_source.push((Arc::new(source), BTreeMap::new()));
            self.by_source.len() - 1
        });
        let sum = self.by_source[at].1.entry(of).or_default();
        *sum = sum.and(lost);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_source.is_empty()
    }

    /// How many records.
    pub fn records(&self) -> u64 {
        self.by_source.iter().flat_map(|(_, losses)| losses.values()).map(|lost| lost.records).sum()
    }

    /// Says so in the log.
    pub fn log(&self) {
        for (of, lost) in self.by_source.iter().flat_map(|(_, losses)| losses) {
            tracing::error!("{}", text(of, *lost));
        }
    }

    /// The forward chunks that say so in the store: one for each source.
    pub fn notices(self) -> io::Result<Vec<Chunk>> {
        let of_one = |(source, losses)| notice(source, &summed_up(losses));
        self.by_source.into_iter().map(of_one).collect()
    }
}

impl Lost {
    /// Both of them.
    fn and(self, other: Self) -> Self {
        let around =
            |a: Stretch, b: Stretch| Stretch { from: a.from.min(b.from), to: a.to.max(b.to) };
        Self {
            records: self.records + other.records,
            bytes: self.bytes + other.bytes,
            stretch: match (self.stretch, other.stretch) {
                (Some(one), Some(other)) => Some(around(one, other)),
                (one, other) => one.or(other),
            },
        }
    }
}

/// What is lost of the files that are named, and of all others together.
fn summed_up(losses: BTreeMap<Of, Lost>) -> BTreeMap<Of, Lost> {
    let is_file = |of: &Of| matches!(of.what, What::File { .. });
    let (mut files, sums): (Vec<_>, Vec<_>) = losses.into_iter().partition(|(of, _)| is_file(of));
    let mut sums: BTreeMap<Of, Lost> = sums.into_iter().collect();
    files.sort_by_key(|(_, lost)| Reverse(lost.records));
    let others = files.split_off(NAMED.min(files.len()));
    sums.extend(files);
    for (Of { why, .. }, lost) in others {
        let sum = sums.entry(Of { why, what: What::OtherFiles }).or_default();
        *sum = sum.and(Lost { stretch: None, ..lost });
    }
    sums
}

fn text(of: &Of, lost: Lost) -> String {
    let (why, Lost { records, bytes, stretch }) = (&of.why, lost);
    let Stretch { from, to } = stretch.unwrap_or(Stretch { from: 0, to: 0 });
    match &of.what {
        What::File { path, .. } => {
            format!("dropped {records} records of {path}, positions {from}..{to}: {why}")
        }
        What::OtherFiles => format!("dropped {records} records of other files: {why}"),
        What::Spool => format!("dropped {bytes} bytes of the spool: {why}"),
    }
}

/// Leaves it out of the text.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it so
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// A forward chunk of a stream that has no other, with one record for each of these.
fn notice(source: Arc<Source>, losses: &BTreeMap<Of, Lost>) -> io::Result<Chunk> {
    let now = SystemTime::now();
    let time = Timestamp { unix_micros: unix_micros(now).unwrap_or_default(), digits: 6 };
    let mut builder = ChunkBuilder::new(ChunkLimits::default());
    builder.begin(0);
    let mut end = 0;
    for (of, &lost) in losses {
        let text = text(of, lost);
        let extra = serde_json::to_vec(&Said { of: of.clone(), lost })?;
        let mut record = LogRecord::new(Table::Component, time, Some(Severity::Warning));
        record.set_text(Column::Component, Some(COMPONENT.as_bytes()));
        record.set_text(Column::Message, Some(text.as_bytes()));
        record.extra = Some(&extra);
        // A limit of size is not asked for here: all of it is one forward chunk.
        let _ = builder.record(end, text.len(), &record);
        end += 1;
    }
    let sealed = builder.finish(end).map_err(io::Error::other)?;
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

/// What a notice says; none if one of its records isn't such a one, as an older collector's aren't.
fn read(entries: &[u8]) -> Option<Vec<Said>> {
    let mut inflater = Inflater::new(BODY_MAX);
    let mut reader = EntryReader::new(inflater.inflate(Compression::Zstd, entries).ok()?);
    let (mut slots, mut all) = (RecordSlots::new(), Vec::new());
    while slots.read(&mut reader).ok()?.is_some() {
        all.push(serde_json::from_slice(slots.extra()?).ok()?);
    }
    Some(all)
}

#[cfg(test)]
mod tests;
