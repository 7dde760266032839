//! Objects of Patroni and of other programs: their usual keys, and the columns that these stand for.
//!
//! Source: Patroni's `log.type: json` is python-json-logger's formatter: keys are the attributes of Python's `LogRecord`, renamed where
//! `log.format` says so, then `static_fields`, then `exc_info` and `stack_info` where there are any.

use crate::json::{Shape, Value};
use crate::{Column, LogTimezone, PatroniFormat, Reason, Table, Timestamp, iso, level};

use super::member::Members;
use super::{Draft, Head, Place};

/// Keys of a record's time.
pub(super) const TIMES: [&[u8]; 10] = [
    b"asctime",
    b"@timestamp",
    b"timestamp",
    b"time",
    b"ts",
    b"datetime",
    b"date",
    b"t",
    b"log_time",
    b"created",
];
/// Keys of its level.
pub(super) const LEVELS: [&[u8]; 8] = [
    b"levelname",
    b"level",
    b"severity",
    b"error_severity",
    b"log.level",
    b"log_level",
    b"loglevel",
    b"lvl",
];
const MESSAGES: [&[u8]; 5] = [b"message", b"msg", b"@message", b"log", b"MESSAGE"];
const PROCESSES: [&[u8]; 3] = [b"process", b"process_id", b"pid"];
const LOGGERS: [&[u8]; 3] = [b"name", b"logger", b"logger_name"];
const COMPONENTS: [&[u8]; 6] = [b"logger", b"component", b"name", b"service", b"app", b"program"];
const THREADS: [&[u8]; 2] = [b"threadName", b"thread_name"];
/// Keys that only Python's `LogRecord` has.
const PYTHON: [&[u8]; 8] = [
    b"asctime",
    b"levelname",
    b"levelno",
    b"funcName",
    b"threadName",
    b"processName",
    b"relativeCreated",
    b"exc_info",
];

/// Members that have gone into columns.
#[derive(Default)]
struct Taken([u64; 4]);

impl Taken {
    fn add(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 != 0)
    }
}

/// Lays out the columns of a program's record. `fallback` is its time where it says none; `says_time` is whether what it says is its time,
/// whoever wrote it, or only where Patroni did.
pub(super) fn compose(
    members: &Members<'_>,
    format: Option<&PatroniFormat>,
    zone: LogTimezone,
    (fallback, says_time): (Option<Timestamp>, bool),
    draft: &mut Draft<'_>,
) -> Result<Head, Reason> {
    let mut taken = Taken::default();
    let time = Time::find(members, format, zone).filter(|time| says_time || time.of_patroni);
    let is_patroni = time.as_ref().is_some_and(|time| time.of_patroni)
        || members.any(|key| PYTHON.contains(&key));
    if let Some(time) = time.as_ref().filter(|time| time.exact) {
        taken.add(time.at);
    }
    let log_time = time.map(|time| time.moment).or(fallback);
    let mut head = Head {
        table: if is_patroni { Table::Patroni } else { Table::Component },
        log_time: log_time.ok_or(Reason::Value(Column::LogTime))?,
        error_severity: None,
        severity_as_written: Place::Absent,
        process_id: None,
    };
    level(members, draft, &mut head, &mut taken);
    process(members, &mut head, &mut taken);
    if is_patroni {
        column(members, draft, &mut taken, &LOGGERS, Column::Logger);
        column(members, draft, &mut taken, &THREADS, Column::Thread);
        location(members, draft, &mut taken);
        message(members, draft, &mut taken);
    } else {
        column(members, draft, &mut taken, &COMPONENTS, Column::Component);
        column(members, draft, &mut taken, &MESSAGES, Column::Message);
    }
    draft.keep(members, |at| taken.has(at));
    Ok(head)
}

/// A time that was found.
struct Time {
    at: usize,
    moment: Timestamp,
    /// Whether the moment is all that the member says.
    exact: bool,
    /// Whether it is written as Patroni writes it.
    of_patroni: bool,
}

impl Time {
    /// By the usual keys; then, since Patroni's can be renamed to anything, any text that Patroni may have written.
    fn find(
        members: &Members<'_>,
        format: Option<&PatroniFormat>,
        zone: LogTimezone,
    ) -> Option<Self> {
        let usual = TIMES.iter().find_map(|name| {
            let at = members.find(name)?;
            Self::read(members, at, format, zone)
        });
        usual.or_else(|| {
            (0..members.len())
                .find_map(|at| Self::read(members, at, format, zone).filter(|time| time.of_patroni))
        })
    }

    fn read(
        members: &Members<'_>,
        at: usize,
        format: Option<&PatroniFormat>,
        zone: LogTimezone,
    ) -> Option<Self> {
        let value = members.value(at);
        let text = members.decoded(value);
        if value.shape == Shape::Number {
            let (moment, exact) = iso::epoch(&text)?;
            return Some(Self { at, moment, exact, of_patroni: false });
        }
        if value.shape != Shape::Text {
            return None;
        }
        if let Some(moment) = format.and_then(|format| format.read_time(&text, zone)) {
            return Some(Self { at, moment, exact: true, of_patroni: true });
        }
        let (moment, exact) = iso::read(&text, zone)?;
        let comma = iso::face(&text).is_some_and(|face| face.comma);
        Some(Self { at, moment, exact, of_patroni: comma })
    }
}

/// Puts the text of the first of these keys into a column.
fn column(
    members: &Members<'_>,
    draft: &mut Draft<'_>,
    taken: &mut Taken,
    names: &[&[u8]],
    column: Column,
) {
    if let Some(at) = members.first(names, is_text) {
        let place = draft.text(members.value(at));
        draft.set(column, place);
        taken.add(at);
    }
}

fn level(members: &Members<'_>, draft: &mut Draft<'_>, head: &mut Head, taken: &mut Taken) {
    if let Some(at) = members.first(&LEVELS, is_text) {
        let (severity, kept) = level::read(&members.decoded(members.value(at)));
        head.error_severity = severity;
        if kept {
            head.severity_as_written = draft.text(members.value(at));
        }
        taken.add(at);
    } else if let Some(at) = members.find(b"levelno") {
        // Numbers under other names mean different things in different programs.
        head.error_severity = level::read_number(&members.decoded(members.value(at)));
        if head.error_severity.is_some() {
            taken.add(at);
        }
    }
}

fn process(members: &Members<'_>, head: &mut Head, taken: &mut Taken) {
    let Some(at) =
        members.first(&PROCESSES, |value| matches!(value.shape, Shape::Number | Shape::Text))
    else {
        return;
    };
    let text = members.decoded(members.value(at));
    head.process_id = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
    if head.process_id.is_some() {
        taken.add(at);
    }
}

/// `function, file:line`, as csvlog has it, of what there is; the file by its path, its name or its module's name.
fn location(members: &Members<'_>, draft: &mut Draft<'_>, taken: &mut Taken) {
    let file = members.first(&[b"pathname", b"filename", b"module"], is_text);
    let function = members.first(&[b"funcName"], is_text);
    let line = members
        .first(&[b"lineno"], |value| value.shape == Shape::Number)
        .filter(|_| file.is_some());
    let parts = [(function, ""), (file, if function.is_some() { ", " } else { "" }), (line, ":")];
    if file.is_none() && function.is_none() {
        return;
    }
    let place = draft.join(|draft| {
        for (at, separator) in parts {
            let Some(at) = at else { continue };
            draft.memory.extend_from_slice(separator.as_bytes());
            draft.memory.extend_from_slice(&members.decoded(members.value(at)));
            taken.add(at);
        }
    });
    draft.set(Column::Location, place);
}

/// The message, with a traceback on lines behind it as Python's text has it.
fn message(members: &Members<'_>, draft: &mut Draft<'_>, taken: &mut Taken) {
    let message = members.first(&MESSAGES, is_text);
    let is_trace =
        |value: &Value| matches!(value.shape, Shape::Text | Shape::Array) && !is_empty(value);
    let exception = members.first(&[b"exc_info", b"exc_text"], is_trace);
    let stack = members.first(&[b"stack_info"], is_trace);
    // A null, and an empty one, say that there is none.
    for name in [&b"exc_info"[..], b"exc_text", b"stack_info"] {
        if let Some(at) = members.find(name).filter(|at| is_nothing(members, *at)) {
            taken.add(at);
        }
    }
    let traces = [exception, stack].map(|at| Some((at?, trace(members, at?)?)));
    if traces.iter().all(Option::is_none) {
        return column(members, draft, taken, &MESSAGES, Column::Message);
    }
    let place = draft.join(|draft| {
        let from = draft.memory.len();
        if let Some(at) = message {
            draft.memory.extend_from_slice(&members.decoded(members.value(at)));
            taken.add(at);
        }
        for (at, trace) in traces.into_iter().flatten() {
            if message.is_some()
                && draft.memory.get(from..).is_some_and(|all| !all.ends_with(b"\n"))
            {
                draft.memory.push(b'\n');
            }
            draft.memory.extend_from_slice(&trace);
            taken.add(at);
        }
    });
    draft.set(Column::Message, place);
}

/// A traceback's text; python-json-logger can be told to write its lines as an array.
fn trace(members: &Members<'_>, at: usize) -> Option<Vec<u8>> {
    let value = members.value(at);
    let text = members.decoded(value);
    if value.shape == Shape::Text {
        return Some(text.into_owned());
    }
    let mut lines = Vec::new();
    let (mut depth, mut first) = (0, true);
    for token in crate::json::tokens(&text) {
        match token {
            crate::json::Token::Text(inner) => {
                if !std::mem::take(&mut first) {
                    lines.push(b'\n');
                }
                crate::json::decode(inner, &mut lines);
            }
            crate::json::Token::Mark(b'[') if depth == 0 => depth = 1,
            crate::json::Token::Mark(b',' | b']') => {}
            // No array of lines.
            _ => return None,
        }
    }
    Some(lines)
}

fn is_nothing(members: &Members<'_>, at: usize) -> bool {
    let value = members.value(at);
    is_empty(value) || &*members.decoded(value) == b"null" && value.shape == Shape::Word
}

fn is_empty(value: &Value) -> bool {
    value.to - value.from == 2 && matches!(value.shape, Shape::Text | Shape::Array)
}

fn is_text(value: &Value) -> bool {
    value.shape == Shape::Text
}
