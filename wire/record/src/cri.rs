//! Container logs as a Kubernetes node keeps them (CRI), with lines of any other format inside.
//!
//! Each physical line holds a piece of what the container wrote to its standard output or standard error ([`line`]). The pieces of
//! either are joined, as bytes ([`joined`]), and what they hold is read line by line. The two outputs alternate in the file, also
//! between the lines of one record, but records leave in the order in which they begin: always the output goes on that is behind.
//!
//! A record's position is that of the physical line in which it begins; only where several begin in one line, that of its first byte.
//! Its length is the distance from there to the end of its last line, so that it counts the line's heads, and lines of the other output
//! between. Rejected bytes of a container's line are that line's content, without the heads.
//!
//! **Where reading can begin anew.** Whoever starts at the place up to which this parser has consumed must find the same records as if it
//! had gone on: nothing lost, nothing twice. That holds where no record reaches across. Records of the two outputs that
//! overlap therefore leave together, when the last of them is whole ([`order`]), and a sink that breaks among them is heeded behind them.
//!
//! A record that a further line could continue waits for it, and everything later waits with it. So that an output which has
//! fallen silent doesn't hold up the other one for ever, a second without a word, by the log's own times, ends its record.

mod held;
mod joined;
mod line;
mod order;

use std::collections::VecDeque;

use crate::lines::{Kind, LinesParser};
use crate::{End, Format, LogSettings, Reason, Rejected, Sink, Timestamp};

use joined::{Joined, Place};
use line::{HeadReader, Pipe};
use order::{Found, Order, Outwards};

/// Bytes of the log whose lines are taken apart at a time, so that they are still in a near cache when their records are read, and
/// little of what was joined has to be remembered.
const WINDOW: usize = 64 << 10;

/// Reads what one of the outputs wrote; as [`LinesParser`] does.
pub(crate) trait Lines {
    fn reset(&mut self);
    fn parse<S: Sink>(
        &mut self,
        buf: &[u8],
        position: u64,
        end: End,
        time_of: &impl Fn(u64) -> Option<Timestamp>,
        sink: &mut S,
    ) -> usize;
}

impl Lines for LinesParser {
    fn reset(&mut self) {
        self.reset();
    }

    fn parse<S: Sink>(
        &mut self,
        buf: &[u8],
        position: u64,
        end: End,
        time_of: &impl Fn(u64) -> Option<Timestamp>,
        sink: &mut S,
    ) -> usize {
        self.parse(buf, position, end, time_of, sink)
    }
}

/// Whether the log's first line, or as much of it as there is, is one of a container log.
pub(crate) fn is_container_log(beginning: &[u8]) -> bool {
    let line = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
    HeadReader::default().read(line).is_some()
}

/// Reads container logs; see [`crate::Parser`] for what its methods promise.
#[derive(Debug)]
pub(crate) struct CriParser<P = LinesParser> {
    heads: HeadReader,
    stdout: (Joined, P),
    stderr: (Joined, P),
    /// Physical lines that are none of a container log: where they begin and end.
    foreign: VecDeque<(u64, u64)>,
    /// Everything below this position has been taken apart; `None` before the first buffer.
    apart: Option<u64>,
    /// Bytes of the unended physical line that hold no line end.
    scanned: usize,
    order: Order,
}

impl CriParser {
    pub(crate) fn new(settings: &LogSettings) -> Self {
        let kind = match settings.content {
            Some(Format::Stderr) => Kind::Stderr,
            Some(Format::Patroni) => Kind::Patroni,
            Some(Format::PatroniJson) => Kind::PatroniJson,
            // The other formats' lines are told apart without fail.
            Some(Format::Csvlog | Format::Jsonlog | Format::Cri) | None => Kind::Mixed,
        };
        Self::over(|| LinesParser::new(kind, settings))
    }
}

impl<P: Lines> CriParser<P> {
    fn over(lines: impl Fn() -> P) -> Self {
        Self {
            heads: HeadReader::default(),
            stdout: (Joined::default(), lines()),
            stderr: (Joined::default(), lines()),
            foreign: VecDeque::new(),
            apart: None,
            scanned: 0,
            order: Order::default(),
        }
    }

    pub(crate) fn reset(&mut self) {
        for (joined, lines) in [&mut self.stdout, &mut self.stderr] {
            joined.reset();
            lines.reset();
        }
        self.foreign.clear();
        self.apart = None;
        self.scanned = 0;
        self.order = Order::default();
    }

    pub(crate) fn parse<S: Sink>(
        &mut self,
        buf: &[u8],
        position: u64,
        end: End,
        sink: &mut S,
    ) -> usize {
        let apart = *self.apart.get_or_insert(position);
        // What was taken apart stands at the front of the buffer; only who forgot to reset has another one.
        if !(position..=position + buf.len() as u64).contains(&apart) {
            self.reset();
            self.apart = Some(position);
        }
        self.order.go_on();
        loop {
            let more = self.take_apart(buf, position, end);
            self.hand_over(buf, position, if more { End::More } else { end }, sink);
            if self.order.is_stopped() || !more {
                break;
            }
        }
        // Nothing that was found reaches beyond the first unread byte, or it is held.
        let consumed_to = match self.order.first_held() {
            Some(first) => first,
            None => self.front(),
        };
        consumed_to.saturating_sub(position) as usize
    }

    /// Takes the next lines apart and says whether there are more.
    fn take_apart(&mut self, buf: &[u8], position: u64, end: End) -> bool {
        let first = self.tail();
        loop {
            let at = self.tail();
            let rest = buf.get((at - position) as usize..).unwrap_or_default();
            if at - first >= WINDOW as u64 {
                return true;
            }
            match memchr::memchr(b'\n', rest.get(self.scanned..).unwrap_or_default()) {
                Some(found) => self.line(&rest[..self.scanned + found], true, at),
                None if end == End::Final && !rest.is_empty() => self.line(rest, false, at),
                None => {
                    self.scanned = rest.len();
                    return false;
                }
            }
            self.scanned = 0;
        }
    }

    /// Takes one physical line, given without its line end.
    fn line(&mut self, text: &[u8], ended: bool, position: u64) {
        let line_end = position + text.len() as u64 + u64::from(ended);
        self.apart = Some(line_end);
        let Some(head) = self.heads.read(text) else {
            self.foreign.push_back((position, line_end));
            return;
        };
        let (mine, others) = match head.pipe {
            Pipe::Stdout => (&mut self.stdout.0, &mut self.stderr.0),
            Pipe::Stderr => (&mut self.stderr.0, &mut self.stdout.0),
        };
        others.other_wrote(head.time);
        let content = position + head.content as u64;
        let place = Place { line: position, content, line_end, time: head.time };
        mine.push(&text[head.content..], head.full && ended, place);
    }

    /// Lets each output's records go, the one that is behind first, until one of them needs more.
    fn hand_over<S: Sink>(&mut self, buf: &[u8], position: u64, end: End, sink: &mut S) {
        let tail = self.tail();
        while !self.order.is_stopped() {
            let stdout = self.stdout.0.front().unwrap_or(tail);
            let stderr = self.stderr.0.front().unwrap_or(tail);
            let foreign = self.foreign.front().map_or(tail, |(line, _)| *line);
            let first = stdout.min(stderr).min(foreign);
            if first == tail {
                break;
            }
            if first == foreign {
                self.reject(buf, position, stdout.min(stderr), sink);
                continue;
            }
            let order = &mut self.order;
            let ((joined, lines), others) = if first == stdout {
                (&mut self.stdout, stderr.min(foreign))
            } else {
                (&mut self.stderr, stdout.min(foreign))
            };
            let outwards = Outwards { others, tail, order, sink: &mut *sink };
            if !joined.read(lines, end, outwards) {
                break;
            }
        }
    }

    /// Rejects the first line that is none of a container log.
    fn reject<S: Sink>(&mut self, buf: &[u8], position: u64, others: u64, sink: &mut S) {
        let Some((line, line_end)) = self.foreign.pop_front() else { return };
        let next = self.foreign.front().map_or(self.tail(), |(line, _)| *line);
        let range = (line - position) as usize..(line_end - position) as usize;
        let raw = buf.get(range).unwrap_or_default();
        let reason = if raw.ends_with(b"\n") { Reason::Cri } else { Reason::Torn };
        let found = Found::Rejected(Rejected { position: line, raw, reason });
        self.order.take(found, line_end, next.min(others), sink);
    }

    /// The first position that no record has taken.
    fn front(&self) -> u64 {
        let outputs = [self.stdout.0.front(), self.stderr.0.front()];
        let foreign = self.foreign.front().map(|(line, _)| *line);
        outputs.into_iter().chain([foreign]).flatten().min().unwrap_or(self.tail())
    }

    /// The end of what was taken apart.
    fn tail(&self) -> u64 {
        self.apart.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
