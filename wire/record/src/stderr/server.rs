//! A record of a stderr log as its lines come: the message, the further parts, and where each stands.

use crate::{Column, Timestamp};

use super::labels::Label;
use super::lead::Lead;
use super::parts::Escape;
use super::prefixes::Heading;

/// What a record may have: the message, and a part for each label.
pub(super) const TEXTS: usize = 8;
const MESSAGE: usize = 0;

/// Where a text stands, from the record's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Whether it has line feeds, each with a tab behind it.
    pub(super) folded: bool,
}

/// What the prefix says of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// This.
    Time(Timestamp),
    /// Nothing: it has no escape for it.
    Nothing,
    /// Something that can't be read, for instance in a zone that isn't known.
    Unreadable,
}

/// A record whose lines are being looked at. All offsets are from its start.
#[derive(Debug, Clone)]
pub(crate) struct ServerRecord {
    pub(super) heading: Heading,
    pub(super) said: Said,
    pub(super) texts: [Option<Text>; TEXTS],
    /// The text that the next line may continue.
    current: usize,
}

impl ServerRecord {
    /// From its first line, which ends at `to`, without its line feed.
    pub(crate) fn new(heading: Heading, said: Said, to: usize) -> Self {
        let mut texts = [None; TEXTS];
        texts[MESSAGE] = Some(Text { from: heading.text, to, folded: false });
        Self { heading, said, texts, current: MESSAGE }
    }

    /// What its prefix says of the time.
    pub(crate) fn said(&self) -> Said {
        self.said
    }

    /// Takes a line that begins with a tab and ends at `to`.
    pub(crate) fn continued(&mut self, to: usize) {
        if let Some(text) = &mut self.texts[self.current] {
            text.to = to;
            text.folded = true;
        }
    }

    /// Takes the line at `at`, which ends at `to`, if it is a part of this record: it says so by its label, is of the same process, and
    /// there was no such part yet.
    pub(crate) fn labelled(&mut self, buf: &[u8], heading: &Heading, at: usize, to: usize) -> bool {
        let Lead::Label(label) = heading.lead else { return false };
        let line = buf.get(at..).unwrap_or_default();
        let same =
            |escape: Escape| heading.spans.get(line, escape) == self.heading.spans.get(buf, escape);
        let place = place(label);
        if self.texts[place].is_some() || !same(Escape::ProcessId) || !same(Escape::SessionId) {
            return false;
        }
        self.texts[place] = Some(Text { from: at + heading.text, to, folded: false });
        self.current = place;
        true
    }

    pub(super) fn message(&self) -> Text {
        // A record is made with one.
        self.texts[MESSAGE].unwrap_or(Text { from: 0, to: 0, folded: false })
    }

    pub(super) fn text(&self, label: Label) -> Option<Text> {
        self.texts[place(label)]
    }
}

/// The parts that have a column, and which.
pub(super) const COLUMNS: [(Label, Column); 6] = [
    (Label::Detail, Column::Detail),
    (Label::Hint, Column::Hint),
    (Label::Query, Column::InternalQuery),
    (Label::Context, Column::Context),
    (Label::Location, Column::Location),
    (Label::Statement, Column::Query),
];

const fn place(label: Label) -> usize {
    match label {
        Label::Detail => 1,
        Label::Hint => 2,
        Label::Query => 3,
        Label::Context => 4,
        Label::Location => 5,
        Label::Statement => 6,
        Label::Backtrace => 7,
    }
}
