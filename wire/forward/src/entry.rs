//! Entries one behind the other: `[time, record]`, or Fluent Bit's `[[time, metadata], record]`, mixed at will.

use crate::msgpack::{Reader, Value};
use crate::{Error, EventTime};

/// Walks packed entries. For each, [`next_head`](Self::next_head) reads up to the record and leaves the record itself to be
/// read from [`record`](Self::record), so that nothing is walked twice.
#[derive(Debug, Clone)]
pub struct EntryReader<'a> {
    reader: Reader<'a>,
    metadata: Option<&'a [u8]>,
}

impl<'a> EntryReader<'a> {
    /// A reader of the entries in `packed`, which must not be compressed.
    pub fn new(packed: &'a [u8]) -> Self {
        Self { reader: Reader::new(packed), metadata: None }
    }

    /// The time of the next entry, `None` behind the last. The record has to be read, or skipped, before the next call.
    #[inline]
    pub fn next_head(&mut self) -> Result<Option<EventTime>, Error> {
        let Some((time, has_metadata)) = self.next_time()? else { return Ok(None) };
        self.metadata = if has_metadata { Some(self.reader.skip()?) } else { None };
        Ok(Some(time))
    }

    /// The same, for who reads the metadata himself: whether there is some, which has to be read from [`record`](Self::record) before the
    /// record then. [`metadata`](Self::metadata) doesn't know it.
    #[inline]
    pub fn next_time(&mut self) -> Result<Option<(EventTime, bool)>, Error> {
        self.metadata = None;
        if self.reader.is_at_end() {
            return Ok(None);
        }
        let Value::Array(2) = self.reader.read()? else {
            return Err(Error::Expected("an array of 2 as entry"));
        };
        if let Some(payload) = self.reader.read_ext8() {
            return Ok(Some((EventTime::from_payload(payload), false)));
        }
        let (time, has_metadata) = match self.reader.read()? {
            Value::Array(2) => (self.reader.read()?, true),
            time => (time, false),
        };
        let time = EventTime::from_value(time).ok_or(Error::Expected("a time in the entry"))?;
        Ok(Some((time, has_metadata)))
    }

    /// The metadata of the entry whose head was read last, in MessagePack; none where it has no place for any.
    pub fn metadata(&self) -> Option<&'a [u8]> {
        self.metadata
    }

    /// The reader, standing at the record of the entry whose head was read last.
    #[inline]
    pub fn record(&mut self) -> &mut Reader<'a> {
        &mut self.reader
    }

    /// Bytes of the entries that have been read.
    pub fn position(&self) -> usize {
        self.reader.position()
    }
}

/// Whether this time is one of Fluent Bit's marks of a group's start or end, which are no events.
pub fn is_group_marker(time: EventTime) -> bool {
    time.seconds >= 0xffff_fffe && time.nanoseconds == 0
}
