//! Which prefix a log's lines have: the configured one, or the one of the well-known that fits.

use crate::LinePrefix;
use crate::timestamp::{START, looks_like_start};

use super::lead;
use super::matching::{Failures, Matching, Spans};
use super::parts::{Escape, Part, WINDOW};

/// What a server writes before it has read its configuration, and any that has nothing else configured.
const DEFAULT: &str = "%m [%p] ";

/// Prefixes of servers that are set up in a usual way. One that fits more than another stands behind it.
const WELL_KNOWN: [&str; 13] = [
    "%m [%p] %q%u@%d/%a ",
    // Debian's.
    "%m [%p] %q%u@%d ",
    // pgBadger's manual.
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: user=%u,db=%d,app=%a,client=%h ",
    // StackGres'.
    "%t [%p]: db=%d,user=%u,app=%a,client=%h ",
    // Google Cloud SQL's.
    "%m [%p]: [%l-1] db=%d,user=%u ",
    "%t [%p]: [%l-1] user=%u,db=%d ",
    // Spilo's.
    "%t [%p]: [%l-1] %c %x %d %u %a %h ",
    // Debian's of before.
    "%t [%p-%l] %q%u@%d ",
    // Amazon RDS'.
    "%t:%r:%u@%d:[%p]:",
    // Azure's.
    "%t-%c-",
    // Red Hat's of before.
    "< %m > ",
    DEFAULT,
];

/// A line that a prefix stands before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heading {
    pub(super) spans: Spans,
    pub(super) lead: lead::Lead,
    /// From and to of the severity's word.
    pub(super) word: (usize, usize),
    /// Where the text begins.
    pub(super) text: usize,
}

/// The prefixes to try.
#[derive(Debug)]
pub(super) struct Prefixes {
    all: Vec<LinePrefix>,
    /// The one that the last line had that showed all of it.
    recent: usize,
    failures: Failures,
}

/// How a line was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// Only severities and labels that are known.
    Known,
    /// Any word that could be a severity.
    Any,
}

impl Prefixes {
    pub(super) fn new(configured: Option<&LinePrefix>) -> Self {
        let settings: &[&str] = if configured.is_some() { &[DEFAULT] } else { &WELL_KNOWN };
        let known = settings.iter().filter_map(|setting| setting.parse().ok());
        let all = configured.cloned().into_iter().chain(known).collect();
        Self { all, recent: 0, failures: Failures::default() }
    }

    /// The line's heading, and whether, without one, it at least begins like one that a line feed in a name may have broken.
    pub(super) fn heading(&mut self, line: &[u8], words: Words) -> (Option<Heading>, bool) {
        let line = &line[..line.len().min(WINDOW)];
        let mut broken = false;
        let recent = std::iter::once(self.recent);
        for at in recent.chain((0..self.all.len()).filter(|at| *at != self.recent)) {
            let prefix = &self.all[at];
            if words == Words::Any && !prefix.has_shape {
                continue;
            }
            let accept = |end: usize| {
                let text = line.get(end..)?;
                let found = match words {
                    Words::Known => lead::known(text),
                    Words::Any => lead::unknown(text),
                };
                found.map(|found| (end, found))
            };
            let failures = &mut self.failures;
            let parts = &prefix.parts;
            let mut matching = Matching {
                parts,
                line,
                failures,
                accept,
                spans: Spans::default(),
                anchored: false,
            };
            if let Some((end, (lead, word, text))) = matching.run() {
                let spans = matching.spans;
                if prefix.is_whole_in(&spans, line) {
                    self.recent = at;
                }
                let (word, text) = ((end, end + word), end + text);
                return (Some(Heading { spans, lead, word, text }), false);
            }
            broken |= matching.anchored && prefix.has_name;
        }
        (None, broken)
    }
}

impl Prefixes {
    /// Where in a line with this heading its true start is, if something torn stands before.
    ///
    /// A disk that was full leaves records that stop anywhere, and the next one follows on the line. One that stops in its prefix then
    /// seems to have a name that holds the whole next prefix. Of one that stops later nothing can be told: its text may quote a log.
    pub(super) fn start_behind_torn(&mut self, line: &[u8], heading: &Heading) -> Option<usize> {
        if !self.all.iter().any(LinePrefix::begins_with_time) {
            return None;
        }
        let names = [Escape::User, Escape::Database, Escape::Application];
        let places = names.into_iter().filter_map(|name| heading.spans.place(name));
        for (from, to) in places.filter(|(from, to)| to - from > START) {
            for at in (from.max(1)..to).filter(|at| looks_like_start(&line[*at..])) {
                let found = self.heading(&line[at..], Words::Known).0;
                if found.is_some_and(|found| at + found.text == heading.text) {
                    return Some(at);
                }
            }
        }
        None
    }
}

impl LinePrefix {
    /// Whether the first thing in a line is its time.
    fn begins_with_time(&self) -> bool {
        let first = self.parts.first();
        let is_time = |escape| matches!(escape, Escape::Time | Escape::TimeMillis);
        matches!(first, Some(Part::Field(field)) if is_time(field.escape))
    }

    /// Whether a line showed more of the prefix than any process does.
    fn is_whole_in(&self, spans: &Spans, line: &[u8]) -> bool {
        let mut behind_stop = self.parts.iter().skip_while(|part| **part != Part::Stop);
        behind_stop.next().is_none()
            || behind_stop.any(
                |part| matches!(part, Part::Field(field) if spans.get(line, field.escape).is_some()),
            )
    }

    /// What of the parts decides how lines are tried.
    pub(super) fn of_parts(parts: Vec<Part>) -> Self {
        let fields = || {
            parts.iter().filter_map(|part| match part {
                Part::Field(field) => Some(field.escape),
                Part::Literal(_) | Part::Stop => None,
            })
        };
        let has_shape = fields().any(|escape| !escape.is_text());
        let has_name = fields().any(|escape| matches!(escape, Escape::User | Escape::Database));
        Self { parts: parts.into(), has_shape, has_name }
    }
}

impl Heading {
    /// Whether it begins a record, rather than a further part of one.
    pub(crate) fn begins_record(&self) -> bool {
        !matches!(self.lead, lead::Lead::Label(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_well_known_prefix_can_be_read() {
        for setting in WELL_KNOWN {
            assert!(setting.parse::<LinePrefix>().is_ok(), "{setting}");
        }
    }
}
