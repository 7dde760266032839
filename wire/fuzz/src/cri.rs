//! Container logs in any pieces, with or without forgetting between them: of any bytes, and of any bytes in a runtime's lines.

use std::fmt::Write;
use std::ops::ControlFlow;

use trunkline_record::{End, Format, LogRecord, LogSettings, Parser, Rejected, Sink};

/// The first two bytes say in what pieces the rest arrives, and how it is to be taken.
pub fn cri(input: &[u8]) {
    let Some((&[step, way], rest)) = input.split_first_chunk::<2>() else { return };
    let log = if way & 1 == 0 { container_log(rest) } else { rest.to_vec() };
    let whole = parse(&log, log.len().max(1), false, false);
    let resets = way & 4 != 0;
    let pieces = parse(&log, usize::from(step) + 1, way & 2 != 0, resets);
    // What a reader learns of a log's prefix lasts over a reset, and where lines fit several prefixes it decides.
    assert!(resets || pieces == whole, "pieces make a difference: {pieces:?} instead of {whole:?}");
}

/// Each line's first byte says how it comes: its output, whether in pieces, how much later.
fn container_log(bytes: &[u8]) -> Vec<u8> {
    let (mut log, mut micros) = (Vec::new(), 0u64);
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some((how, content)) = line.split_first() else { continue };
        micros += u64::from(how >> 2) * 30_000;
        let pipe = if how & 1 == 0 { "stdout" } else { "stderr" };
        let tag = if how & 2 == 0 { "F" } else { "P" };
        let mut head = String::new();
        let (minute, second) = (micros / 60_000_000 % 60, micros / 1_000_000 % 60);
        let fraction = micros % 1_000_000;
        let _ = write!(head, "2026-11-22T22:{minute:02}:{second:02}.{fraction:06}Z {pipe} {tag} ");
        log.extend_from_slice(head.as_bytes());
        log.extend_from_slice(content);
        log.push(b'\n');
    }
    log
}

/// What was handed over: where, how long, and whether as a record.
#[derive(Default)]
struct Account {
    found: Vec<(u64, usize, bool)>,
    breaks: bool,
}

impl Account {
    fn take(&mut self, position: u64, len: usize, is_record: bool) -> ControlFlow<()> {
        let last = self.found.last().map(|(last, ..)| *last);
        assert!(last.is_none_or(|last| last < position), "{position} handed over behind {last:?}");
        self.found.push((position, len, is_record));
        if self.breaks { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Sink for Account {
    fn record(&mut self, position: u64, len: usize, _: &LogRecord<'_>) -> ControlFlow<()> {
        self.take(position, len, true)
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        self.take(rejected.position, rejected.raw.len(), false)
    }
}

fn parse(log: &[u8], step: usize, breaks: bool, resets: bool) -> Vec<(u64, usize, bool)> {
    let mut parser = Parser::new(Format::Cri, &LogSettings::default());
    let mut account = Account { breaks, ..Account::default() };
    let (mut from, mut to) = (0, 0);
    loop {
        let end = if to == log.len() { End::Final } else { End::More };
        let before = account.found.len();
        let consumed = parser.parse(&log[from..to], from as u64, end, &mut account);
        for (position, ..) in &account.found[before..] {
            let at = *position as usize;
            assert!((from..from + consumed).contains(&at), "handed over and not consumed");
        }
        from += consumed;
        let at_line = from == 0 || from == log.len() || log[from - 1] == b'\n';
        assert!(at_line, "consumed a part of a line");
        if resets {
            parser.reset();
        }
        if consumed == 0 {
            if to == log.len() {
                break;
            }
            to = log.len().min(to + step);
        }
    }
    assert_eq!(from, log.len(), "bytes left over");
    account.found
}
