//! Order, places, resuming, and the bytes themselves, with a small parser inside whose records are easily found in another way.

use std::collections::HashMap;
use std::ops::ControlFlow;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::{CriParser, Lines};
use crate::{Column, End, LogRecord, Reason, Rejected, Sink, Table, Timestamp};

#[path = "../../tests/support/corpus.rs"]
mod corpus;

/// A record is a line with the lines behind it that begin with a tab; what ends with `!!` within a line is rejected.
#[derive(Debug, Default)]
struct Tabs;

impl Tabs {
    /// The first record in `buf`, and whether it is none.
    fn first(buf: &[u8], end: End) -> Option<(usize, bool)> {
        let mut at = 0;
        loop {
            let rest = &buf[at..];
            let len = match rest.iter().position(|byte| *byte == b'\n') {
                Some(len) => len + 1,
                None if end == End::Final => rest.len(),
                None => return None,
            };
            if at == 0
                && let Some(torn) = rest[..len].windows(2).position(|two| two == b"!!")
            {
                return Some((torn + 2, true));
            }
            at += len;
            match buf.get(at) {
                Some(b'\t') => {}
                Some(_) => return Some((at, false)),
                None => return (end != End::More).then_some((at, false)),
            }
        }
    }
}

impl Lines for Tabs {
    fn reset(&mut self) {}

    fn parse<S: Sink>(
        &mut self,
        buf: &[u8],
        position: u64,
        end: End,
        time_of: &impl Fn(u64) -> Option<Timestamp>,
        sink: &mut S,
    ) -> usize {
        let mut consumed = 0;
        while consumed < buf.len() {
            let Some((len, torn)) = Self::first(&buf[consumed..], end) else { break };
            let (at, raw) = (position + consumed as u64, &buf[consumed..consumed + len]);
            consumed += len;
            let flow = if torn {
                sink.rejected(Rejected { position: at, raw, reason: Reason::Torn })
            } else {
                let mut record = LogRecord::new(Table::Component, time_of(at).unwrap(), None);
                record.set_text(Column::Message, Some(raw));
                sink.record(at, len, &record)
            };
            if flow.is_break() {
                break;
            }
        }
        consumed
    }
}

/// What was found: where, the distance to its end for records, the bytes, the time.
type Piece = (u64, Option<usize>, Vec<u8>, Option<i64>);

#[derive(Debug, Default)]
struct Pieces {
    found: Vec<Piece>,
    /// Which of them to break at.
    breaks: Vec<bool>,
}

impl Pieces {
    fn push(&mut self, piece: Piece) -> ControlFlow<()> {
        self.found.push(piece);
        let is_break = !self.breaks.is_empty() && self.breaks[self.found.len() % self.breaks.len()];
        if is_break { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Sink for Pieces {
    fn record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        let text = record.text(Column::Message).unwrap().to_vec();
        self.push((position, Some(len), text, Some(record.log_time.unix_micros)))
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        self.push((rejected.position, None, rejected.raw.to_vec(), None))
    }
}

/// How a log is given to the parser.
#[derive(Debug, Clone, Default)]
struct Way {
    /// Bytes that arrive at a time; all at once when there are none.
    steps: Vec<usize>,
    /// Whether the parser forgets everything after a call.
    resets: Vec<bool>,
    breaks: Vec<bool>,
}

fn parse(log: &[u8], way: &Way) -> Vec<Piece> {
    let mut parser = CriParser::over(|| Tabs);
    let mut found = Pieces { breaks: way.breaks.clone(), ..Pieces::default() };
    let (mut from, mut to, mut call) = (0, 0, 0);
    loop {
        let end = if to == log.len() { End::Final } else { End::More };
        let before = found.found.len();
        let consumed = parser.parse(&log[from..to], from as u64, end, &mut found);
        let next = from + consumed;
        for (position, ..) in &found.found[before..] {
            assert!((from as u64..next as u64).contains(position), "{position} in {from}..{next}");
        }
        assert!(next == 0 || log[next - 1] == b'\n' || next == log.len(), "within a line: {next}");
        from = next;
        if way.resets.get(call % way.resets.len().max(1)) == Some(&true) {
            parser.reset();
        }
        call += 1;
        if consumed == 0 {
            if to == log.len() {
                break;
            }
            let step = way.steps.get(call % way.steps.len().max(1)).copied();
            to = log.len().min(to + step.unwrap_or(log.len()));
        }
    }
    assert_eq!(from, log.len(), "left over");
    assert!(found.found.is_sorted_by(|a, b| a.0 < b.0), "not in the order of positions");
    found.found
}

/// The same by a plain reading of the whole log.
fn plainly(log: &[u8]) -> Vec<Piece> {
    /// One output: bytes, the position and the line's end of each, places of silence.
    #[derive(Default)]
    struct Output {
        bytes: Vec<u8>,
        places: Vec<(u64, u64, i64)>,
        ends: Vec<usize>,
        last: Option<i64>,
    }
    let mut outputs: HashMap<&[u8], Output> = HashMap::new();
    let mut found = Vec::new();
    let mut position = 0;
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        let (at, end) = (position, position + line.len() as u64);
        position = end;
        let text = line.strip_suffix(b"\n");
        let parts: Vec<_> = text.unwrap_or(line).splitn(4, |byte| *byte == b' ').collect();
        let [time, pipe, tag, content] = parts[..] else {
            found.push((at, None, line.to_vec(), None));
            continue;
        };
        let time = std::str::from_utf8(time).unwrap();
        let time = chrono::DateTime::parse_from_rfc3339(time).unwrap().timestamp_micros();
        for other in outputs.iter_mut().filter(|(other, _)| **other != pipe) {
            if other.1.last.is_some_and(|last| time - last >= 1_000_000) {
                other.1.ends.push(other.1.bytes.len());
                other.1.last = None;
            }
        }
        let output = outputs.entry(pipe).or_default();
        output.last = Some(time);
        let begins = end - content.len() as u64 - u64::from(text.is_some());
        let line_feed = text.is_some() && tag == b"F";
        for place in 0..content.len() + usize::from(line_feed) {
            let place = if place == 0 { at } else { begins + place as u64 };
            output.places.push((place, end, time));
        }
        output.bytes.extend_from_slice(content);
        output.bytes.extend(line_feed.then_some(b'\n'));
    }
    for output in outputs.values() {
        let mut at = 0;
        while at < output.bytes.len() {
            let silence =
                output.ends.iter().find(|end| **end > at && output.bytes[**end - 1] == b'\n');
            let silence = silence.copied().unwrap_or(output.bytes.len());
            let (len, torn) = Tabs::first(&output.bytes[at..silence], End::Final).unwrap();
            let (place, _, time) = output.places[at];
            let bytes = output.bytes[at..at + len].to_vec();
            let last = output.places[at + len - 1];
            // A record ends with its line, but for the last in the log.
            found.push(match torn {
                true => (place, None, bytes, None),
                false => (place, Some((last.1 - place) as usize), bytes, Some(time)),
            });
            at += len;
        }
    }
    found.sort();
    found
}

/// A log of these lines: output, tag, content, microseconds since the one before.
fn log(lines: &[(&str, &str, &str, i64)]) -> Vec<u8> {
    let mut micros = 1_795_388_792_000_000;
    let mut log = Vec::new();
    for (pipe, tag, content, later) in lines {
        micros += later;
        let time = chrono::DateTime::from_timestamp_micros(micros).unwrap();
        let time = time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        log.extend_from_slice(format!("{time} {pipe} {tag} {content}\n").as_bytes());
    }
    log
}

#[track_caller]
fn check(log: &[u8], expected: &[&str]) {
    let texts = |found: &[Piece]| -> Vec<_> {
        found.iter().map(|(_, _, bytes, _)| String::from_utf8(bytes.clone()).unwrap()).collect()
    };
    let found = parse(log, &Way::default());
    assert_eq!(texts(&found), expected);
    assert_eq!(found, plainly(log));
}

#[test]
fn outputs_that_alternate_within_records_leave_in_the_order_of_their_beginnings() {
    let lines = log(&[
        ("stderr", "F", "a", 1),
        ("stdout", "F", "b", 1),
        ("stderr", "F", "\ta", 1),
        ("stdout", "F", "\tb", 1),
        ("stderr", "P", "c", 1),
        ("stdout", "F", "d", 1),
        ("stderr", "F", "c", 1),
    ]);
    check(&lines, &["a\n\ta\n", "b\n\tb\n", "cc\n", "d\n"]);
}

#[test]
fn what_overlaps_leaves_together_though_the_sink_breaks() {
    let lines = log(&[
        ("stderr", "F", "a", 1),
        ("stdout", "F", "b", 1),
        ("stderr", "F", "\ta", 1),
        ("stderr", "F", "c", 1),
        ("stdout", "F", "d", 1),
        ("stderr", "F", "e", 1),
    ]);
    let mut parser = CriParser::over(|| Tabs);
    let mut found = Pieces { breaks: vec![true], ..Pieces::default() };
    let consumed = parser.parse(&lines, 0, End::More, &mut found);
    assert_eq!(found.found.len(), 2, "a and b");
    let behind: usize = lines.split_inclusive(|byte| *byte == b'\n').take(3).map(<[u8]>::len).sum();
    assert_eq!(consumed, behind);
    // b isn't whole here, so that a, which reaches behind b's beginning, isn't handed over either.
    let mut parser = CriParser::over(|| Tabs);
    let mut found = Pieces::default();
    let until_d = lines.len()
        - lines
            .split_inclusive(|byte| *byte == b'\n')
            .rev()
            .take(2)
            .map(<[u8]>::len)
            .sum::<usize>();
    assert_eq!(parser.parse(&lines[..until_d], 0, End::More, &mut found), 0);
    assert!(found.found.is_empty());
}

#[test]
fn an_output_that_falls_silent_holds_up_the_other_one_for_a_second_at_most() {
    let mut lines = vec![("stdout", "F", "starting", 0)];
    lines.extend([("stderr", "F", "a", 400_000); 9]);
    let log = log(&lines);
    let mut parser = CriParser::over(|| Tabs);
    let mut found = Pieces::default();
    parser.parse(&log, 0, End::More, &mut found);
    // The last one of the nine waits for what may continue it.
    assert_eq!(found.found.len(), 9);
    assert_eq!(found.found, plainly(&log)[..9]);
}

#[test]
fn a_pause_ends_a_record_but_no_piece_of_a_line() {
    let lines = log(&[("stderr", "F", "a", 1), ("stderr", "F", "b", 1), ("stderr", "P", "c", 1)]);
    let mut parser = CriParser::over(|| Tabs);
    let mut found = Pieces::default();
    let consumed = parser.parse(&lines, 0, End::Pause, &mut found);
    assert_eq!(found.found.len(), 2);
    parser.parse(&lines[consumed..], consumed as u64, End::Final, &mut found);
    assert_eq!(found.found[2].2, b"c");
}

#[test]
fn lines_of_no_container_log_are_rejected_in_their_place() {
    let lines = [
        &log(&[("stderr", "F", "a", 1)])[..],
        b"garbage\n",
        &log(&[("stdout", "F", "b", 1)]),
        b"torn",
    ]
    .concat();
    check(&lines, &["a\n", "garbage\n", "b\n", "torn"]);
    let reasons = |log: &[u8]| {
        struct Reasons(Vec<Reason>);
        impl Sink for Reasons {
            fn record(&mut self, _: u64, _: usize, _: &LogRecord<'_>) -> ControlFlow<()> {
                ControlFlow::Continue(())
            }
            fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
                self.0.push(rejected.reason);
                ControlFlow::Continue(())
            }
        }
        let mut reasons = Reasons(Vec::new());
        CriParser::over(|| Tabs).parse(log, 0, End::Final, &mut reasons);
        reasons.0
    };
    assert_eq!(reasons(&lines), [Reason::Cri, Reason::Torn]);
}

#[test]
fn a_record_that_begins_within_a_line_has_the_position_of_its_first_byte() {
    let lines = log(&[("stderr", "F", "ab!!cd", 1), ("stdout", "F", "e", 1)]);
    let content = lines.iter().position(|byte| *byte == b'!').unwrap() + 2;
    let found = parse(&lines, &Way { breaks: vec![true], ..Way::default() });
    assert_eq!((found[0].0, found[1].0), (0, content as u64));
    assert_eq!(found, plainly(&lines));
}

#[test]
fn a_long_line_of_many_pieces_is_looked_at_a_piece_at_a_time() {
    const PIECES: usize = 64;
    let content = "x".repeat(16 << 10);
    let mut lines = vec![("stderr", "P", content.as_str(), 1); PIECES];
    lines.push(("stderr", "F", "", 1));
    let log = log(&lines);
    let line = log.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut parser = CriParser::over(|| Tabs);
    let mut found = Pieces::default();
    for to in (0..log.len()).step_by(5000) {
        assert_eq!(parser.parse(&log[..to], 0, End::More, &mut found), 0);
        // All that is whole was taken apart, once, and the rest of it needs no second look.
        assert_eq!(parser.stderr.0.len(), to / line * content.len());
        assert_eq!(parser.scanned, to % line);
    }
    assert_eq!(parser.parse(&log, 0, End::Final, &mut found), log.len());
    assert_eq!(found.found[0].2.len(), PIECES * content.len() + 1);
    assert!(parser.stderr.0.capacity() <= super::joined::USUAL, "what it needed stays");
}

#[test]
fn joined_bytes_of_the_corpus_are_those_that_an_independent_reader_joined() {
    for file in corpus::files(&["cri"]) {
        let log = file.bytes();
        for step in [usize::MAX, 4096] {
            let found = parse_lines(&log, step);
            let mut digests = HashMap::from([("stdout", Sha256::new()), ("stderr", Sha256::new())]);
            let mut counts = HashMap::new();
            let mut longest = 0;
            for (position, message) in &found {
                let pipe = log[*position as usize..].split(|byte| *byte == b' ').nth(1).unwrap();
                let pipe = std::str::from_utf8(pipe).unwrap();
                digests.get_mut(pipe).unwrap().update(message);
                *counts.entry(pipe).or_insert(0u64) += 1;
                longest = longest.max(message.len() - 1);
            }
            for (pipe, digest) in digests {
                let hex: String =
                    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(file.expected["reassembled_sha256"][pipe], hex, "{} {pipe}", file.path);
                let count = file.expected["complete_messages"][pipe].as_u64().unwrap_or_default();
                assert_eq!(counts.get(pipe).copied().unwrap_or_default(), count, "{}", file.path);
            }
            assert_eq!(file.expected["longest_message_bytes"], longest, "{}", file.path);
        }
    }
}

/// Each of the container's lines, with its position, by a parser for which each is a record.
fn parse_lines(log: &[u8], step: usize) -> Vec<(u64, Vec<u8>)> {
    #[derive(Debug)]
    struct Each;
    impl Lines for Each {
        fn reset(&mut self) {}
        fn parse<S: Sink>(
            &mut self,
            buf: &[u8],
            position: u64,
            _: End,
            time_of: &impl Fn(u64) -> Option<Timestamp>,
            sink: &mut S,
        ) -> usize {
            let mut consumed = 0;
            for line in
                buf.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"))
            {
                let at = position + consumed as u64;
                consumed += line.len();
                let mut record = LogRecord::new(Table::Component, time_of(at).unwrap(), None);
                record.set_text(Column::Message, Some(line));
                if sink.record(at, line.len(), &record).is_break() {
                    break;
                }
            }
            consumed
        }
    }
    let mut parser = CriParser::over(|| Each);
    let mut found = Pieces::default();
    let (mut from, mut to) = (0, 0);
    while to < log.len() {
        to = log.len().min(to.saturating_add(step));
        from += parser.parse(&log[from..to], from as u64, End::More, &mut found);
    }
    assert_eq!(from, log.len());
    found.found.into_iter().map(|(position, _, bytes, _)| (position, bytes)).collect()
}

/// Lines of both outputs, whole or in pieces, soon after one another or not, with lines between that are none.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let content = prop_oneof![
        "[a-c]{0,3}",
        Just("\t".to_owned()),
        Just("\tx".to_owned()),
        Just("!!".to_owned()),
        Just("é!!\u{1f418}".to_owned()),
    ];
    let later = prop_oneof![4 => 0..1000i64, 1 => 300_000..1_200_000i64];
    let pipe = prop_oneof![Just("stdout"), Just("stderr")];
    let tag = prop_oneof![3 => Just("F"), 1 => Just("P")];
    let line = (pipe, tag, content, later).prop_map(Some);
    let line = prop_oneof![12 => line, 1 => Just(None)];
    (proptest::collection::vec(line, 0..30), any::<bool>()).prop_map(|(lines, whole)| {
        let mut micros = 1_795_388_792_000_000;
        let mut log = Vec::new();
        for line in lines {
            let Some((pipe, tag, content, later)) = line else {
                log.extend_from_slice(b"no\n");
                continue;
            };
            micros += later;
            let time = chrono::DateTime::from_timestamp_micros(micros).unwrap();
            let time = time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
            log.extend_from_slice(format!("{time} {pipe} {tag} {content}\n").as_bytes());
        }
        if !whole {
            log.pop();
        }
        log
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn in_whatever_pieces_with_whatever_resets_and_breaks_the_same_is_found(
        log in lines(),
        steps in proptest::collection::vec(1usize..200, 0..5),
        resets in proptest::collection::vec(any::<bool>(), 0..5),
        breaks in proptest::collection::vec(any::<bool>(), 0..5),
    ) {
        let expected = plainly(&log);
        prop_assert_eq!(parse(&log, &Way { steps, resets, breaks }), expected);
    }
}
