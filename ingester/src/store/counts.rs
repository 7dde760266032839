//! Counts the rows of one transaction for `log.count_delta`, which is written with them: see `sql/migrations/0012_counts.sql`.
//!
//! A record costs one look-up, by all that is counted of it together: its minute, source and severity and the values of a few columns; or less,
//! where its session had one before it that was like it ([`recent`]). Only when the transaction ends, each such combination is taken apart into
//! one count for each column. Values of old records are counted by hour at once, since nobody keeps them by minute: so old logs of a whole fleet
//! don't make as many counts as records. Nothing is allocated for a record, and memory is bounded whatever the values are: values that are too
//! long or too many become one rest, and a batch that is too various altogether is marked as not counted.

mod cells;
mod delta;
mod recent;

use chrono::{DateTime, Utc};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::collections::HashMap;
use std::hash::BuildHasher;

use trunkline_query::counted_columns;
use trunkline_record::{Column, RecordSlots, Slot};

use crate::chunk::Chunk;
use cells::{Cells, Head, NO_SEVERITY, Value};
pub(super) use delta::{Delta, INSERT};
use recent::{Like, Recent};

/// A value that is longer isn't told apart from others: an entry of an index has to hold it.
const LONGEST: usize = 256;
/// Hours after which values are counted by hour. By minute they are kept for 72 hours, and those older than 48 aren't asked for by minute; so
/// clocks may differ a good deal.
const FINE_HOURS: i64 = 60;
/// Combinations, and bytes of their keys, after which they are taken apart in between.
const COMBINATIONS: usize = 16_384;
const KEYS: usize = 1 << 20;
/// Stands for the length of what isn't there, and of what is too long.
const NULL: u16 = u16::MAX;
const TOO_LONG: u16 = u16::MAX - 1;

/// What one transaction adds; reused by the next.
#[derive(Debug)]
pub(super) struct Counts {
    is_kept: bool,
    /// Minutes since 1970, a whole hour: values of records before it are counted by hour.
    fine_from: i64,
    sources: Sources,
    hasher: DefaultHashBuilder,
    /// The combinations' keys, one behind the other.
    keys: Vec<u8>,
    combinations: Vec<Combination>,
    /// Where they are, by their keys.
    places: HashTable<usize>,
    recent: Recent,
    /// Rows of one minute, source and severity, the last ones, that aren't among the cells yet.
    last: Option<(Head, u64)>,
    cells: Cells,
    /// Forward chunks up to now.
    chunks: u64,
}

/// Rows that agree in everything that is counted.
#[derive(Debug)]
struct Combination {
    start: usize,
    end: usize,
    rows: u64,
}

impl Combination {
    fn key<'k>(&self, keys: &'k [u8]) -> &'k [u8] {
        &keys[self.start..self.end]
    }
}

/// Namespaces and clusters, by number.
#[derive(Debug, Default)]
struct Sources {
    numbers: HashMap<Source, u32>,
    names: Vec<Source>,
}

type Source = (Option<String>, Option<String>);

/// The numbers of a forward chunk's sources.
#[derive(Debug)]
pub(super) struct ChunkSources {
    /// No other forward chunk's: numbers of sessions mean something in one alone.
    chunk: u64,
    own: u32,
    others: Vec<u32>,
}

impl ChunkSources {
    fn of(&self, number: Option<u64>) -> u32 {
        let other = number.and_then(|at| self.others.get(usize::try_from(at).ok()?));
        other.copied().unwrap_or(self.own)
    }
}

impl Counts {
    /// `is_kept` is `database.counts`; without it only that there are rows is noted.
    pub(super) fn new(is_kept: bool) -> Self {
        Self {
            is_kept,
            fine_from: i64::MIN,
            sources: Sources::default(),
            hasher: DefaultHashBuilder::default(),
            keys: Vec::new(),
            combinations: Vec::new(),
            places: HashTable::new(),
            recent: Recent::default(),
            last: None,
            cells: Cells::default(),
            chunks: 0,
        }
    }

    /// Begins another transaction.
    pub(super) fn begin(&mut self, now: DateTime<Utc>) {
        self.fine_from = (now.timestamp().div_euclid(3_600) - FINE_HOURS) * 60;
        self.sources.numbers.clear();
        self.sources.names.clear();
        self.forget_combinations();
        self.last = None;
        self.cells.clear();
    }

    /// Whose rows the next ones are.
    pub(super) fn sources(&mut self, chunk: &Chunk) -> ChunkSources {
        let mut number = |source: &trunkline_record::Source| {
            let source = (source.namespace.clone(), source.cluster.clone());
            let names = &mut self.sources.names;
            *self.sources.numbers.entry(source).or_insert_with_key(|source| {
                names.push(source.clone());
                // A batch has far fewer forward chunks.
                u32::try_from(names.len() - 1).unwrap_or(u32::MAX)
            })
        };
        let own = number(&chunk.header.source);
        let others = chunk.foreign.iter().flat_map(|foreign| &foreign.sources);
        let others = others.map(number).collect();
        self.chunks += 1;
        ChunkSources { chunk: self.chunks, own, others }
    }

    /// One row more.
    #[inline]
    pub(super) fn add(&mut self, sources: &ChunkSources, slots: &RecordSlots<'_>) {
        let severity = match slots.get(Column::ErrorSeverity) {
            Slot::Severity(severity) => severity as u8,
            _ => NO_SEVERITY,
        };
        let mut head = Head {
            table: slots.table(),
            severity,
            source: sources.of(slots.source()),
            minute: slots.log_time().div_euclid(60_000_000),
        };
        if !self.is_kept {
            return self.cells.leave_uncounted(head, 1);
        }
        if head.minute < self.fine_from {
            self.add_to_minute(head);
            head.minute -= head.minute.rem_euclid(60);
        }
        let like = Like::of(sources.chunk, head, slots);
        match like.as_ref().and_then(|like| self.recent.find(like)) {
            Some(at) => self.combinations[at].rows += 1,
            None => self.look_up(head, like, slots),
        }
    }

    /// One row that is counted by hour otherwise. Neighbours are mostly of one minute.
    #[inline]
    fn add_to_minute(&mut self, head: Head) {
        match &mut self.last {
            Some((last, rows)) if *last == head => *rows += 1,
            last => {
                if let Some((head, rows)) = last.replace((head, 1)) {
                    self.cells.add(head, None, rows);
                }
            }
        }
    }

    fn look_up(&mut self, head: Head, like: Option<Like>, slots: &RecordSlots<'_>) {
        let start = self.keys.len();
        head.write(&mut self.keys);
        for column in counted_columns(head.table) {
            let (len, value): (u16, &[u8]) = match slots.get(*column) {
                // It fits, since the longest does.
                #[allow(clippy::cast_possible_truncation)]
                Slot::Text(value) if value.len() <= LONGEST => (value.len() as u16, value),
                Slot::Text(_) => (TOO_LONG, &[]),
                _ => (NULL, &[]),
            };
            self.keys.extend_from_slice(&len.to_ne_bytes());
            self.keys.extend_from_slice(value);
        }
        let (keys, combinations) = (&self.keys, &self.combinations);
        let key = &keys[start..];
        let is_same = |at: &usize| combinations[*at].key(keys) == key;
        let found = self.places.find(self.hasher.hash_one(key), is_same).copied();
        let at = match found {
            Some(at) => {
                self.keys.truncate(start);
                self.combinations[at].rows += 1;
                at
            }
            None => self.insert(start),
        };
        if let Some(like) = like {
            self.recent.remember(like, at);
        }
        if self.combinations.len() >= COMBINATIONS || self.keys.len() >= KEYS {
            self.take_apart();
        }
    }

    /// Where it is among the combinations.
    fn insert(&mut self, start: usize) -> usize {
        let at = self.combinations.len();
        self.combinations.push(Combination { start, end: self.keys.len(), rows: 1 });
        let (keys, combinations, hasher) = (&self.keys, &self.combinations, &self.hasher);
        let hash = |at: &usize| hasher.hash_one(combinations[*at].key(keys));
        self.places.insert_unique(hash(&at), at, hash);
        at
    }

    fn forget_combinations(&mut self) {
        self.keys.clear();
        self.combinations.clear();
        self.places.clear();
        self.recent.clear();
    }

    /// Turns combinations into counts of each column.
    fn take_apart(&mut self) {
        for combination in &self.combinations {
            let (head, mut rest) = Head::read(combination.key(&self.keys));
            if head.minute >= self.fine_from {
                self.cells.add(head, None, combination.rows);
            }
            for column in counted_columns(head.table) {
                let Some((len, behind)) = rest.split_first_chunk() else { break };
                let (value, behind) = match u16::from_ne_bytes(*len) {
                    NULL => (Value::Null, behind),
                    TOO_LONG => (Value::Rest, behind),
                    len => {
                        let (value, behind) = behind.split_at(usize::from(len));
                        (self.cells.value(*column, value), behind)
                    }
                };
                rest = behind;
                self.cells.add(head, Some((*column, value)), combination.rows);
            }
        }
        self.forget_combinations();
    }

    /// What is to be written; `None` if there were no rows.
    pub(super) fn delta(&mut self) -> Option<Delta<'_>> {
        self.take_apart();
        if let Some((head, rows)) = self.last.take() {
            self.cells.add(head, None, rows);
        }
        let delta = Delta::of(&self.cells, &self.sources.names);
        (!delta.is_empty()).then_some(delta)
    }
}

#[cfg(test)]
mod tests;
