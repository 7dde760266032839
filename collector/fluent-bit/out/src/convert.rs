//! What Fluent Bit flushes at once, made into messages for the ingester. Pure, and the same each time: a retry makes the same messages.
//!
//! Events of our own input say which part of which stream they answer for. A run of them that goes on without a gap becomes one forward
//! chunk `[from, to)`, which claims that part and nothing else: Fluent Bit keeps no order, tries again from several threads, may cut anew
//! after a crash, route records elsewhere, or give up. So no header has `acked`, and the ingester keeps book of ranges.
//!
//! All other events go as they are, in one message whose id is a hash of them, so that the ingester knows it when it comes again; with it
//! goes the route that the instance's properties say, for the ingester to read their lines by.

use sha2::{Digest, Sha256};
use trunkline_forward::{
    Compression, Compressor, EntryReader, EventTime, PackedForward,
    msgpack::{write_array, write_bin, write_map, write_str},
};
use trunkline_record::{
    ChunkBuilder, ChunkHeader, ChunkLimits, LEVEL, Source, chunk_id,
    event::{EventReader, Mark},
    message,
};

/// The option that names the route of records of others.
const ROUTE: &str = "trunkline_route";

/// Events of others that go into one message: well below what an ingester takes.
const OTHERS: usize = 8 << 20;

/// Bytes that are kept of what isn't an event.
const KEPT: usize = 64 << 10;

/// A message, and the id that its ack will have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The id.
    pub id: String,
    /// All of its bytes.
    pub wire: Vec<u8>,
}

/// Makes messages; holds the memory for it.
#[derive(Debug)]
pub struct Converter {
    /// What fills the gaps in a record's source.
    source: Source,
    /// See [`crate::settings::Settings::route`].
    route: Option<Vec<u8>>,
    events: EventReader,
    builder: ChunkBuilder,
    compressor: Compressor,
    others: Others,
}

/// Events of others, as they are.
#[derive(Debug, Default)]
struct Others {
    entries: Vec<u8>,
    count: u64,
}

/// A part of a stream that goes on.
struct Run<'a> {
    /// The header's bytes, to be known again.
    raw: &'a [u8],
    header: ChunkHeader,
    from: u64,
    next: u64,
}

impl Converter {
    /// With what an instance's properties say.
    pub fn new(source: Source, route: Option<Vec<u8>>) -> Self {
        Self {
            source,
            route,
            events: EventReader::default(),
            builder: ChunkBuilder::new(ChunkLimits::default()),
            compressor: Compressor::new(LEVEL),
            others: Others::default(),
        }
    }

    /// The messages that hold `data`, which is tagged `tag`.
    ///
    /// # Errors
    /// When zstd can't compress, which only a lack of memory makes it say.
    pub fn convert(
        &mut self,
        tag: &str,
        data: &[u8],
    ) -> Result<Vec<Outgoing>, trunkline_forward::Error> {
        let mut out = Vec::new();
        let mut run: Option<Run<'_>> = None;
        let mut reader = EntryReader::new(data);
        self.others.clear();
        self.builder.begin(0);
        loop {
            let begin = reader.position();
            let (time, mark) = match head(&mut reader, run.as_ref().map_or(&[], |run| run.raw)) {
                Ok(Some(head)) => head,
                Ok(None) => break,
                Err(error) => {
                    self.others.undecodable(data.get(begin..).unwrap_or_default(), &error);
                    break;
                }
            };
            let goes_on = !self.builder.is_full()
                && mark
                    .as_ref()
                    .zip(run.as_mut())
                    .is_some_and(|(mark, run)| run.goes_on(mark, &self.source));
            if !goes_on && mark.is_some() {
                if let Some(run) = run.take() {
                    self.finish(tag, &run, &mut out)?;
                }
                run = mark.as_ref().and_then(|mark| Run::begin(mark, &self.source));
                self.builder.begin(run.as_ref().map_or(0, |run| run.from));
            }
            let read = match (&mark, &mut run) {
                (Some(mark), Some(run)) => {
                    let read = self.events.append(mark, time, reader.record(), &mut self.builder);
                    read.map(|()| run.next = mark.next)
                }
                _ => reader.record().skip().map(|_| {
                    self.others.push(data.get(begin..reader.position()).unwrap_or_default());
                }),
            };
            if let Err(error) = read {
                self.others.undecodable(data.get(begin..).unwrap_or_default(), &error.into());
                break;
            }
            if self.others.entries.len() >= OTHERS {
                self.flush_others(tag, &mut out)?;
            }
        }
        // It is empty when what should have been its first event isn't whole.
        if let Some(run) = run.filter(|_| !self.builder.is_empty()) {
            self.finish(tag, &run, &mut out)?;
        }
        self.flush_others(tag, &mut out)?;
        Ok(out)
    }

    fn finish(
        &mut self,
        tag: &str,
        run: &Run<'_>,
        out: &mut Vec<Outgoing>,
    ) -> Result<(), trunkline_forward::Error> {
        let sealed = self.builder.finish(run.next)?;
        let ChunkHeader { stream, source, path, .. } = &run.header;
        let mut wire = Vec::with_capacity(sealed.entries.len() + 512);
        message(tag, stream, source, path.as_deref().unwrap_or_default(), None, &sealed, &mut wire);
        out.push(Outgoing { id: chunk_id(stream, sealed.from, sealed.to), wire });
        Ok(())
    }

    fn flush_others(
        &mut self,
        tag: &str,
        out: &mut Vec<Outgoing>,
    ) -> Result<(), trunkline_forward::Error> {
        if self.others.count == 0 {
            return Ok(());
        }
        let digest: [u8; 32] = Sha256::digest(&self.others.entries).into();
        let id: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        let mut entries = Vec::new();
        self.compressor.compress(&self.others.entries, &mut entries)?;
        let mut wire = Vec::with_capacity(entries.len() + 512);
        PackedForward {
            tag,
            entries: &entries,
            compression: Compression::Zstd,
            size: self.others.count,
            chunk: &id,
            own: self.route.as_deref().map(|route| (ROUTE, route)),
        }
        .write(&mut wire);
        out.push(Outgoing { id, wire });
        self.others.clear();
        Ok(())
    }
}

impl Others {
    fn push(&mut self, entry: &[u8]) {
        self.entries.extend_from_slice(entry);
        self.count += 1;
    }

    /// What isn't an event can't be sent as it is; but it is not left out.
    fn undecodable(&mut self, rest: &[u8], error: &trunkline_forward::Error) {
        let out = &mut self.entries;
        write_array(out, 2);
        EventTime::default().write(out);
        write_map(out, 2);
        write_str(out, b"undecodable");
        write_bin(out, rest.get(..KEPT).unwrap_or(rest));
        write_str(out, b"reason");
        write_str(out, format!("{error}; {} bytes", rest.len()).as_bytes());
        self.count += 1;
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.entries.shrink_to(OTHERS);
        self.count = 0;
    }
}

impl<'a> Run<'a> {
    /// `None` when the header isn't one.
    fn begin(mark: &Mark<'a>, fill: &Source) -> Option<Self> {
        let mut header = ChunkHeader::decode(mark.header).ok()?;
        header.source = overlay(header.source, fill);
        Some(Self { raw: mark.header, header, from: mark.from, next: mark.from })
    }

    /// Whether the event goes on where the run is.
    fn goes_on(&mut self, mark: &Mark<'a>, fill: &Source) -> bool {
        if mark.from != self.next {
            return false;
        }
        if mark.header == self.raw {
            return true;
        }
        let same = Self::begin(mark, fill).is_some_and(|other| {
            let (this, other) = (&self.header, &other.header);
            (this.stream, &this.source, &this.path) == (other.stream, &other.source, &other.path)
        });
        if same {
            self.raw = mark.header;
        }
        same
    }
}

/// What `over` says, and for the rest what `under` does.
fn overlay(over: Source, under: &Source) -> Source {
    let pick = |over: Option<String>, under: &Option<String>| over.or_else(|| under.clone());
    Source {
        namespace: pick(over.namespace, &under.namespace),
        cluster: pick(over.cluster, &under.cluster),
        pod: pick(over.pod, &under.pod),
        container: pick(over.container, &under.container),
        node: pick(over.node, &under.node),
        role: pick(over.role, &under.role),
    }
}

/// The time of the next event and, where it is one of ours, what its metadata says. The reader stands at the record then.
fn head<'a>(
    reader: &mut EntryReader<'a>,
    last: &[u8],
) -> Result<Option<(EventTime, Option<Mark<'a>>)>, trunkline_forward::Error> {
    let Some((time, has_metadata)) = reader.next_time()? else { return Ok(None) };
    if !has_metadata {
        return Ok(Some((time, None)));
    }
    let metadata = reader.record().clone();
    let mark = Mark::read(reader.record(), last);
    if mark.is_none() {
        *reader.record() = metadata;
        reader.record().skip()?;
    }
    Ok(Some((time, mark)))
}

#[cfg(test)]
mod tests;
