//! Matching a line with a prefix: where each field stands, and where the prefix ends.
//!
//! Names may hold what the prefix has between its fields, so a text ends at the first place from which all the rest fits. Looking
//! for that place goes back and forth, and what was found not to fit is remembered, so that no line costs more than its length
//! times the texts of the prefix.

use memchr::memmem;

use super::parts::{Escape, Field, Part};
use super::shape;

/// Where each field stands in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Spans {
    /// From and to; both zero for a field that doesn't stand there. The last line that is looked at for a prefix is short enough.
    at: [(u16, u16); Escape::ALL.len()],
}

impl Spans {
    /// From and to; `None` where the field is empty or absent.
    pub(super) fn place(&self, escape: Escape) -> Option<(usize, usize)> {
        let (from, to) = self.at[escape as usize];
        (from < to).then_some((from.into(), to.into()))
    }

    /// The field's bytes; `None` where it is empty or absent.
    pub(super) fn get<'l>(&self, line: &'l [u8], escape: Escape) -> Option<&'l [u8]> {
        let (from, to) = self.place(escape)?;
        line.get(from..to)
    }

    fn set(&mut self, escape: Escape, (from, to): (usize, usize)) {
        let short = |offset: usize| u16::try_from(offset).unwrap_or(u16::MAX);
        self.at[escape as usize] = (short(from), short(to));
    }
}

/// Places from which a text of the prefix and all behind it didn't fit; the memory is kept from line to line.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures(Vec<u64>);

impl Failures {
    const TEXTS: usize = 64;

    /// Whether this place is known already; it is from now on. There are as many bits a place as texts that are remembered.
    fn is_known(&self, place: usize, text: usize) -> bool {
        self.0.get(place).is_some_and(|bits| bits & 1 << (text % Self::TEXTS) != 0)
    }

    fn note(&mut self, place: usize, text: usize) {
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        self.0[place] |= 1 << (text % Self::TEXTS);
    }
}

/// One try at one line.
pub(super) struct Matching<'m, A> {
    pub(super) parts: &'m [Part],
    pub(super) line: &'m [u8],
    pub(super) failures: &'m mut Failures,
    /// Says what stands behind the prefix that ends here, and so whether it may end here.
    pub(super) accept: A,
    pub(super) spans: Spans,
    /// Whether a field with a shape stood where it should, before any text.
    pub(super) anchored: bool,
}

impl<T, A: FnMut(usize) -> Option<T>> Matching<'_, A> {
    /// What `accept` said, if the prefix fits.
    pub(super) fn run(&mut self) -> Option<T> {
        self.failures.0.clear();
        self.from(0, 0, 0)
    }

    /// `texts` counts the texts among the parts before.
    fn from(&mut self, mut part: usize, mut at: usize, texts: usize) -> Option<T> {
        while let Some(current) = self.parts.get(part) {
            part += 1;
            match current {
                Part::Literal(text) => {
                    self.line.get(at..)?.starts_with(text).then_some(())?;
                    at += text.len();
                }
                Part::Stop => {
                    if let Some(found) = (self.accept)(at) {
                        return Some(found);
                    }
                }
                Part::Field(field) if field.escape.is_text() => {
                    return self.text(*field, part, at, texts);
                }
                Part::Field(field) => {
                    let (end, span) = shape::end(*field, self.line, at)?;
                    self.spans.set(field.escape, span);
                    self.anchored |= texts == 0;
                    at = end;
                }
            }
        }
        (self.accept)(at)
    }

    /// Tries the ends of the text at `at`, the nearest first.
    fn text(&mut self, field: Field, next: usize, at: usize, texts: usize) -> Option<T> {
        if self.failures.is_known(at, texts) {
            return None;
        }
        let (mut end, mut checked) = (at + field.width, at);
        while end <= self.line.len() {
            if let Some(Part::Literal(literal)) = self.parts.get(next) {
                let Some(found) = memmem::find(&self.line[end..], literal) else { break };
                end += found;
            }
            if self.line[checked..end].iter().any(|byte| stops(field.escape, *byte)) {
                break;
            }
            checked = end;
            let (from, to) = trimmed(self.line, field, at, end);
            if can_be(field.escape, &self.line[from..to]) {
                let earlier = self.spans;
                self.spans.set(field.escape, (from, to));
                if let Some(found) = self.from(next, end, texts + 1) {
                    return Some(found);
                }
                self.spans = earlier;
            }
            end += 1;
        }
        self.failures.note(at, texts);
        None
    }
}

/// Whether such a text never holds this byte. A line feed is in a line only where names may hold one.
fn stops(escape: Escape, byte: u8) -> bool {
    match escape {
        Escape::User | Escape::Database => false,
        Escape::RemoteHost | Escape::RemoteHostAndPort => byte <= b' ' || b"\"',;=".contains(&byte),
        // An address, or `[none]`.
        Escape::LocalHost => !byte.is_ascii_graphic(),
        _ => byte == b'\n',
    }
}

/// Whether such a text can be this one.
fn can_be(escape: Escape, text: &[u8]) -> bool {
    match (escape, text) {
        (Escape::RemoteHostAndPort, [b'[', .., b']'] | []) => true,
        (Escape::RemoteHostAndPort, [host @ .., b')']) => {
            let digits = host.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
            digits > 0 && host[..host.len() - digits].ends_with(b"(")
        }
        (Escape::RemoteHostAndPort, _) => false,
        _ => true,
    }
}

/// Without the padding, which is there only when the field is just as long as its width.
fn trimmed(line: &[u8], field: Field, from: usize, to: usize) -> (usize, usize) {
    if to - from != field.width {
        return (from, to);
    }
    let text = &line[from..to];
    let is_text = |byte: &u8| *byte != b' ';
    if field.left {
        (from, text.iter().rposition(is_text).map_or(from, |last| from + last + 1))
    } else {
        (text.iter().position(is_text).map_or(to, |first| from + first), to)
    }
}
