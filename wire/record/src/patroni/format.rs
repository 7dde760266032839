//! `log.format` and `log.dateformat` compiled to a pattern that reads lines.

mod attribute;

use std::ops::Range;
use std::str::FromStr;

use regex::bytes::{CaptureLocations, Regex};

use attribute::{Attribute, Conversion};

use super::TextStart;
use super::date::{self, Found, Part};
use crate::extra::Extra;
use crate::{LogTimezone, Timestamp, level};

/// Patroni's `log.format` and `log.dateformat`, ready to read lines with.
#[derive(Debug, Clone)]
pub struct PatroniFormat {
    /// Of all that stands before the message.
    head: Regex,
    /// What each group of `head` is.
    slots: Vec<Slot>,
    /// Where padding and the message meet.
    padding: Option<Padding>,
    /// Of `%(asctime)s` alone, as JSON has it, with its parts.
    time: Regex,
    parts: Vec<Part>,
}

/// A format that no line can be read with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPatroniFormat(pub String);

/// The last attribute before the message is filled up with blanks, and nothing but blanks stands between: a pattern would take the
/// message's own blanks for padding.
#[derive(Debug, Clone, Copy)]
struct Padding {
    /// The attribute's group.
    group: usize,
    /// Bytes that it fills at least.
    width: usize,
    /// Blanks of the format behind it.
    blanks: usize,
}

/// What a group of the pattern found.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Date(Part),
    Attribute(Attribute),
}

impl FromStr for PatroniFormat {
    type Err = InvalidPatroniFormat;

    /// By Patroni's `log.format`, with the default `log.dateformat`.
    fn from_str(format: &str) -> Result<Self, InvalidPatroniFormat> {
        Self::new(format, None)
    }
}

impl PatroniFormat {
    /// Patroni's own `log.format`.
    pub const DEFAULT: &'static str = "%(asctime)s %(levelname)s: %(message)s";

    /// By Patroni's `log.format` and `log.dateformat`; an empty date format is none, as for Patroni.
    ///
    /// The format has to say the time, by `%(asctime)s` or `%(created)f`, and `%(message)s` has to be its end: a message can hold
    /// anything, so that nothing could be found behind it.
    pub fn new(format: &str, dateformat: Option<&str>) -> Result<Self, InvalidPatroniFormat> {
        Self::compile(format, dateformat.filter(|format| !format.is_empty()))
            .map_err(InvalidPatroniFormat)
    }

    fn compile(format: &str, dateformat: Option<&str>) -> Result<Self, String> {
        let (mut time, mut parts) = (String::new(), Vec::new());
        date::compile(dateformat.unwrap_or(date::DEFAULT), &mut time, &mut parts)?;
        if dateformat.is_none() {
            time.push_str(",([0-9]{3})");
            parts.push(Part::Fraction);
        }
        date::check(&parts)?;
        let (head, slots, padding) = head(format, &time, &parts)?;
        let build = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
        Ok(Self {
            head: build(&format!("(?s-u)\\A{head}"))?,
            slots,
            padding,
            time: build(&format!("(?s-u)\\A{time}\\z"))?,
            parts,
        })
    }

    /// Memory for what [`start`](Self::start) finds.
    pub(super) fn memory(&self) -> CaptureLocations {
        self.head.capture_locations()
    }

    /// What a line says that begins a record.
    pub(super) fn start(
        &self,
        line: &[u8],
        memory: &mut CaptureLocations,
        zone: LogTimezone,
    ) -> Option<TextStart> {
        let mut message = self.head.captures_read(memory, line)?.end();
        if let Some(Padding { group, width, blanks }) = self.padding {
            let (from, to) = memory.get(group)?;
            let end = to.max(from + width) + blanks;
            message = line.get(to..end)?.iter().all(|byte| *byte == b' ').then_some(end)?;
        }
        let mut head = Head { line, ..Head::default() };
        for (at, slot) in self.slots.iter().enumerate() {
            if let Some((from, to)) = memory.get(at + 1) {
                head.set(*slot, from..to)?;
            }
        }
        head.start(message, zone)
    }

    /// The time that `%(asctime)s` alone wrote.
    pub(crate) fn read_time(&self, text: &[u8], zone: LogTimezone) -> Option<Timestamp> {
        let captures = self.time.captures(text)?;
        let mut found = Found::default();
        for (at, part) in self.parts.iter().enumerate() {
            if let Some(group) = captures.get(at + 1) {
                found.set(*part, group.as_bytes())?;
            }
        }
        found.moment(zone)
    }
}

/// The pattern of all that stands before the message, its groups, and where padding meets the message.
type Pattern = (String, Vec<Slot>, Option<Padding>);

fn head(format: &str, time: &str, parts: &[Part]) -> Result<Pattern, String> {
    let (mut pattern, mut slots, mut padding) = (String::new(), Vec::new(), None::<Padding>);
    let mut rest = format;
    // Whether the last thing was a text of any length, which only a literal behind it can end.
    let mut open = false;
    while let Some(character) = rest.chars().next() {
        if character != '%' || rest.starts_with("%%") {
            if matches!(character, '\n' | '\r') {
                return Err("a format with a line end can't be read line by line".to_owned());
            }
            pattern.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
            rest = &rest[character.len_utf8() * if character == '%' { 2 } else { 1 }..];
            open = false;
            padding = padding
                .filter(|_| character == ' ')
                .map(|padding| Padding { blanks: padding.blanks + 1, ..padding });
            continue;
        }
        let (conversion, behind) = Conversion::parse(rest)?;
        rest = behind;
        let attribute = conversion.attribute;
        if open && padding.is_none() && matches!(attribute, Attribute::Message | Attribute::Text(_))
        {
            return Err(format!("nothing stands between %({attribute})s and what is before it"));
        }
        match attribute {
            Attribute::Message => {
                if !rest.is_empty() {
                    return Err("%(message)s has to be the end of the format".to_owned());
                }
                return if says_time(&slots) {
                    Ok((pattern, slots, padding))
                } else {
                    Err("the format has neither %(asctime)s nor %(created)f".to_owned())
                };
            }
            Attribute::Time => {
                conversion.padded(&format!("(?:{time})"), &mut pattern);
                slots.extend(parts.iter().map(|part| Slot::Date(*part)));
                padding = None;
            }
            attribute => {
                conversion.padded(attribute.pattern(), &mut pattern);
                slots.push(Slot::Attribute(conversion.cut()));
                open = matches!(attribute, Attribute::Text(_) | Attribute::Level { .. });
                let (group, width) = (slots.len(), conversion.width_behind());
                padding = width.map(|width| Padding { group, width, blanks: 0 });
            }
        }
    }
    Err("the format has no %(message)s".to_owned())
}

fn says_time(slots: &[Slot]) -> bool {
    slots.iter().any(|slot| matches!(slot, Slot::Date(_) | Slot::Attribute(Attribute::Created)))
}

/// A head's attributes as they are found.
#[derive(Default)]
struct Head<'l> {
    line: &'l [u8],
    date: Found<'l>,
    dated: bool,
    created: Option<&'l [u8]>,
    millis: Option<&'l [u8]>,
    level: Option<(Range<usize>, bool)>,
    level_number: Option<&'l [u8]>,
    process_id: Option<i32>,
    logger: Option<Range<usize>>,
    thread: Option<Range<usize>>,
    location: Option<Range<usize>>,
    /// Whether the attribute before this one was of the location.
    locating: bool,
    extra: Extra,
}

impl<'l> Head<'l> {
    /// Takes in what one group found; `None` if the line is no head after all.
    fn set(&mut self, slot: Slot, range: Range<usize>) -> Option<()> {
        let text = self.line.get(range.clone())?;
        let attribute = match slot {
            Slot::Date(part) => {
                (self.dated, self.locating) = (true, false);
                return self.date.set(part, text);
            }
            Slot::Attribute(attribute) => attribute,
        };
        let locating = std::mem::replace(&mut self.locating, attribute.is_location());
        match attribute {
            // An attribute that stands twice says the same twice.
            Attribute::Level { cut } => self.level = Some((range, cut)),
            Attribute::Text("name") => self.logger = Some(range),
            Attribute::Text("threadName") => self.thread = Some(range),
            Attribute::Created => self.created = Some(text),
            Attribute::Millis => self.millis = Some(text),
            Attribute::Number("levelno") => self.level_number = Some(text),
            Attribute::Number("process") => {
                self.process_id = std::str::from_utf8(text).ok()?.parse().ok();
                if self.process_id.is_none() {
                    self.extra.number(b"process", text);
                }
            }
            location if location.is_location() && self.location.is_none() => {
                self.location = Some(range);
            }
            location if location.is_location() && locating => {
                self.location.as_mut()?.end = range.end;
            }
            Attribute::Text(name) => self.extra.text(name.as_bytes(), text),
            Attribute::Number(name) => self.extra.number(name.as_bytes(), text),
            // Both are the pattern's own.
            Attribute::Time | Attribute::Message => {}
        }
        Some(())
    }

    fn start(mut self, message: usize, zone: LogTimezone) -> Option<TextStart> {
        let log_time = self.time(zone)?;
        let (mut error_severity, mut severity_as_written) = (None, None);
        if let Some((range, cut)) = self.level {
            let word = self.line.get(range.clone())?;
            let (severity, kept) = if cut { level::read_cut(word) } else { level::read(word) };
            error_severity = severity;
            severity_as_written = kept.then_some(range);
        }
        if let Some(number) = self.level_number {
            let severity = level::read_number(number);
            if severity.is_none() || error_severity.is_some_and(|known| Some(known) != severity) {
                self.extra.number(b"levelno", number);
            }
            error_severity = error_severity.or(severity);
        }
        Some(TextStart {
            log_time,
            error_severity,
            severity_as_written,
            process_id: self.process_id,
            logger: self.logger,
            thread: self.thread,
            location: self.location,
            extra: self.extra.finish().map(Box::from),
            message,
        })
    }

    /// By the date, whose fraction may stand elsewhere as `%(msecs)03d`; without a date, by `%(created)f`.
    fn time(&mut self, zone: LogTimezone) -> Option<Timestamp> {
        if let Some(millis) = self.millis {
            if self.dated && !self.date.has_fraction() {
                // Python 3.12 and older hold a float.
                let whole = millis.split(|byte| *byte == b'.').next()?;
                self.date
                    .set_millis(std::str::from_utf8(whole).ok()?.trim_start().parse().ok()?)?;
            }
            if !self.dated {
                self.extra.number(b"msecs", millis);
            }
        }
        if self.dated {
            if let Some(created) = self.created {
                self.extra.number(b"created", created);
            }
            return self.date.moment(zone);
        }
        let (time, exact) = crate::iso::epoch(self.created?)?;
        if !exact {
            self.extra.number(b"created", self.created?);
        }
        Some(time)
    }
}
