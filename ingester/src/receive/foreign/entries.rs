//! The entries of one message, sorted by their sources, and written as records of ours.
//!
//! An entry that holds a line of a log is written as the container runtime would (CRI): its time, its output, the line. So lines that say no
//! time have one, the two outputs of a container don't mix, and a record's lines are joined over entries. Whatever format the lines have, one
//! parser reads the whole; what is in none is a component's record.

use std::collections::HashMap;
use std::ops::ControlFlow;

use trunkline_forward::{EntryReader, EventTime, is_group_marker};
use trunkline_record::{
    ChunkBuilder, Column, End, Format, FullRecord, KeyedLine, KeyedReader, KeyedRecord, LogRecord,
    LogSettings, Parser, Rejected, Sink, Source, Table, Timestamp,
};

use super::super::credentials::Forbidden;
use super::super::routes::{Lines, TagRoute, overlay};
use crate::chunk::Refusal;

/// All entries of a message.
pub(super) struct Entries<'a> {
    route: &'a TagRoute,
    sources: Vec<Source>,
    /// In the order of their sources, and within one in that of the message.
    entries: Vec<Entry<'a>>,
}

struct Entry<'a> {
    source: u32,
    time: Timestamp,
    record: Result<KeyedRecord<'a>, &'a [u8]>,
}

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Records, rejected ones too.
    pub records: u64,
    /// Rejected ones, since their sender may not write their source.
    pub forbidden: u64,
    /// The sources by their numbers.
    pub sources: Vec<Source>,
}

impl<'a> Entries<'a> {
    /// Reads what a message holds; `of_route` is what its tag says of the source.
    pub(super) fn read(
        packed: &'a [u8],
        route: &'a TagRoute,
        of_route: &Source,
    ) -> Result<Self, Refusal> {
        let mut numbers: HashMap<Source, u32> = HashMap::new();
        let mut sources = Vec::new();
        let mut entries = Vec::new();
        let mut reader = EntryReader::new(packed);
        while let Some(time) = reader.next_head()? {
            let record = reader.record().skip().map_err(trunkline_forward::Error::from)?;
            if is_group_marker(time) {
                continue;
            }
            let record = KeyedRecord::new(record).map_err(|_| record);
            let own = record.as_ref().map_or_else(|_| Source::default(), KeyedRecord::source);
            let source = *numbers.entry(overlay(own, of_route)).or_insert_with_key(|source| {
                sources.push(source.clone());
                // A message has less than 2^32 bytes.
                u32::try_from(sources.len() - 1).unwrap_or(u32::MAX)
            });
            entries.push(Entry { source, time: timestamp(time), record });
        }
        entries.sort_by_key(|entry| entry.source);
        Ok(Self { route, sources, entries })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The sources by their numbers.
    pub(super) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Writes them. `verdicts` says of each source whether it may be written.
    pub(super) fn write(
        self,
        verdicts: &[Result<(), Forbidden>],
        tag: &str,
        builder: &mut ChunkBuilder,
    ) -> Written {
        let mut writer = Writer {
            reader: KeyedReader::new(&self.route.settings),
            tag,
            has_container: false,
            run: Run::default(),
            builder,
            written: Written::default(),
        };
        let mut current = None;
        for entry in &self.entries {
            if current != Some(entry.source) {
                writer.finish_run(self.route);
                current = Some(entry.source);
            }
            let verdict = verdicts.get(entry.source as usize);
            if let Some(Err(forbidden)) = verdict {
                writer.builder.set_source(None);
                writer.reject(entry, &forbidden.to_string());
                writer.written.forbidden += 1;
                continue;
            }
            writer.builder.set_source(Some(entry.source));
            writer.has_container = self
                .sources
                .get(entry.source as usize)
                .is_some_and(|source| source.container.is_some());
            writer.entry(entry, self.route);
        }
        writer.finish_run(self.route);
        writer.builder.set_source(None);
        let mut written = writer.written;
        written.sources = self.sources;
        written
    }
}

struct Writer<'a, 'w> {
    reader: KeyedReader,
    tag: &'w str,
    /// Whether the source of the entries at hand names a container.
    has_container: bool,
    run: Run<'a, 'w>,
    builder: &'w mut ChunkBuilder,
    written: Written,
}

/// Lines of one source, one behind the other, as a container log.
#[derive(Default)]
struct Run<'a, 'w> {
    text: Vec<u8>,
    /// Where each entry's lines begin in the text.
    begins: Vec<(usize, &'w Entry<'a>, KeyedLine<'a>)>,
}

impl<'a, 'w> Writer<'a, 'w> {
    fn entry(&mut self, entry: &'w Entry<'a>, route: &TagRoute) {
        let Ok(record) = &entry.record else {
            return self.reject(entry, "not a map of keys and values");
        };
        if record.is_full() && self.full(entry, record, route) {
            return;
        }
        if let Some(line) = line(record, route) {
            return self.run.push(entry, line, route);
        }
        self.finish_run(route);
        let tag = self.component();
        match self.reader.read(record, route.table, entry.time) {
            Ok(mut record) => {
                name(&mut record, tag);
                let flow = self.builder.record(self.written.records, 0, &record);
                debug_assert!(flow.is_continue(), "the builder is never full");
                self.written.records += 1;
            }
            Err(reason) => self.reject(entry, &reason.to_string()),
        }
    }

    /// Writes what a collector of ours sent by way of another program; `false` if it has changed on that way.
    fn full(&mut self, entry: &Entry<'a>, record: &KeyedRecord<'a>, route: &TagRoute) -> bool {
        // Lines that came before it stay before it.
        self.finish_run(route);
        match self.reader.full(record, entry.time) {
            Some(FullRecord::Record(record)) => {
                let flow = self.builder.record(self.written.records, 0, &record);
                debug_assert!(flow.is_continue(), "the builder is never full");
            }
            Some(FullRecord::Rejected { raw, reason }) => {
                let reason = String::from_utf8_lossy(reason);
                self.builder.reject(self.written.records, raw, &reason);
            }
            None => return false,
        }
        self.written.records += 1;
        true
    }

    /// What a record's component is called where it doesn't say so itself.
    fn component(&self) -> Option<&'w [u8]> {
        (!self.has_container).then_some(self.tag.as_bytes())
    }

    fn reject(&mut self, entry: &Entry<'_>, reason: &str) {
        let raw = match &entry.record {
            Ok(record) => record.to_json(),
            Err(raw) => raw.to_vec(),
        };
        self.builder.reject(self.written.records, &raw, reason);
        self.written.records += 1;
    }

    /// Parses the lines that have come together.
    fn finish_run(&mut self, route: &TagRoute) {
        let run = std::mem::take(&mut self.run);
        if run.text.is_empty() {
            return;
        }
        let content = match route.lines {
            Lines::Of(format) if format != Format::Cri => Some(format),
            _ => None,
        };
        let settings = LogSettings { content, ..route.settings.clone() };
        let component = self.component();
        let mut sink = Lined {
            run: &run,
            reader: &mut self.reader,
            component,
            builder: self.builder,
            written: &mut self.written,
        };
        let mut parser = Parser::new(Format::Cri, &settings);
        let consumed = parser.parse(&run.text, 0, End::Final, &mut sink);
        if let Some(rest) = run.text.get(consumed..).filter(|rest| !rest.is_empty()) {
            self.builder.reject(self.written.records, rest, "not read to its end");
            self.written.records += 1;
        }
    }
}

/// The line that a record holds, if its route, or else its looks, say that it does.
fn line<'a>(record: &KeyedRecord<'a>, route: &TagRoute) -> Option<KeyedLine<'a>> {
    match (route.lines, &route.key) {
        (Lines::None, _) => None,
        (_, Some(key)) => record.line(Some(key)),
        (Lines::Of(_), None) => record.line(None),
        // A container's line is called `log`; a `message` may be any text, so only one that is in a known format is a line.
        (Lines::Auto, None) if record.is_servers() => None,
        (Lines::Auto, None) => record.line(Some("log")).or_else(|| {
            let is_known = |text| Format::detect(text, &route.settings, End::Final).is_some();
            record.line(None).filter(|line| is_known(line.text))
        }),
    }
}

impl<'a, 'w> Run<'a, 'w> {
    fn push(&mut self, entry: &'w Entry<'a>, line: KeyedLine<'a>, route: &TagRoute) {
        self.begins.push((self.text.len(), entry, line));
        let text = line.text.strip_suffix(b"\n").unwrap_or(line.text);
        let is_cri = match route.lines {
            Lines::Of(format) => format == Format::Cri,
            _ => Format::detect(text, &route.settings, End::Final) == Some(Format::Cri),
        };
        if is_cri {
            self.text.extend_from_slice(text);
            return self.text.push(b'\n');
        }
        let time = chrono::DateTime::from_timestamp_micros(entry.time.unix_micros);
        let time = time.unwrap_or_default().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let output = if line.of_stderr { "stderr" } else { "stdout" };
        let mut parts = text.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let tag = if line.partial && parts.peek().is_none() { 'P' } else { 'F' };
            self.text.extend_from_slice(format!("{time} {output} {tag} ").as_bytes());
            self.text.extend_from_slice(part);
            self.text.push(b'\n');
        }
    }

    /// The entry that holds the line at this position.
    fn at(&self, position: u64) -> Option<(&'w Entry<'a>, KeyedLine<'a>)> {
        let behind = self.begins.partition_point(|(begin, ..)| *begin as u64 <= position);
        let (_, entry, line) = self.begins.get(behind.checked_sub(1)?)?;
        Some((entry, *line))
    }
}

/// Takes what the parser finds in a run.
struct Lined<'a, 'w, 's> {
    run: &'s Run<'a, 'w>,
    reader: &'s mut KeyedReader,
    component: Option<&'w [u8]>,
    builder: &'s mut ChunkBuilder,
    written: &'s mut Written,
}

impl Sink for Lined<'_, '_, '_> {
    fn record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        let mut record = *record;
        name(&mut record, self.component);
        let beside = self
            .run
            .at(position)
            .and_then(|(entry, line)| self.reader.beside(entry.record.as_ref().ok()?, line));
        if let Some(beside) = &beside {
            record.extra = self.reader.merge(record.extra, beside);
        }
        let flow = self.builder.record(self.written.records, len, &record);
        self.written.records += 1;
        flow
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        let reason = rejected.reason.to_string();
        self.builder.reject(self.written.records, rejected.raw, &reason);
        self.written.records += 1;
        ControlFlow::Continue(())
    }
}

/// Names a component that doesn't name itself.
fn name<'r>(record: &mut LogRecord<'r>, component: Option<&'r [u8]>) {
    if record.table == Table::Component && record.text(Column::Component).is_none() {
        record.set_text(Column::Component, component);
    }
}

fn timestamp(time: EventTime) -> Timestamp {
    Timestamp { unix_micros: time.unix_micros(), digits: 6 }
}
