//! Fields of a prefix that have a shape: where one that begins here ends.

use crate::timestamp::{START, looks_like_start};

use super::parts::{Escape, Field};

/// Where the field at `at` ends, padding included; `None` when it doesn't stand there. Not for texts.
pub(super) fn end(field: Field, line: &[u8], at: usize) -> Option<(usize, (usize, usize))> {
    let rest = line.get(at..)?;
    let spaces = if field.left { 0 } else { leading_spaces(rest, field.width) };
    let value = rest.get(spaces..)?;
    let len = token(field.escape, value)?;
    let mut end = spaces + len;
    if field.left && end < field.width {
        end += leading_spaces(rest.get(end..)?, field.width - end);
    }
    // What is padded fills its width, and has no more spaces than that takes.
    let padded = end >= field.width && (spaces == 0 || end == field.width);
    padded.then_some((at + end, (at + spaces, at + spaces + len)))
}

fn leading_spaces(text: &[u8], most: usize) -> usize {
    text.iter().take(most).take_while(|byte| **byte == b' ').count()
}

/// The length of the value itself.
fn token(escape: Escape, text: &[u8]) -> Option<usize> {
    let present = |len: usize| (len > 0).then_some(len);
    match escape {
        Escape::ProcessId | Escape::Line | Escape::TransactionId => present(digits(text)),
        // Most processes have none.
        Escape::LeaderPid => Some(digits(text)),
        Escape::VirtualTransactionId => Some(pair(text, b'/', digits).unwrap_or(0)),
        Escape::QueryId => {
            let sign = usize::from(text.first() == Some(&b'-'));
            present(digits(text.get(sign..)?)).map(|len| sign + len)
        }
        Escape::SessionId => pair(text, b'.', hex),
        Escape::Epoch => pair(text, b'.', digits),
        Escape::SqlState => {
            let state = text.get(..5)?;
            let valid = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
            state.iter().all(valid).then_some(5)
        }
        Escape::Time | Escape::TimeMillis | Escape::Start => time(text),
        Escape::Application
        | Escape::User
        | Escape::Database
        | Escape::RemoteHostAndPort
        | Escape::RemoteHost
        | Escape::LocalHost
        | Escape::BackendType
        | Escape::CommandTag => None,
    }
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn hex(text: &[u8]) -> usize {
    text.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).count()
}

/// Two numbers with a separator between.
fn pair(text: &[u8], separator: u8, number: fn(&[u8]) -> usize) -> Option<usize> {
    let first = number(text);
    let second = number(text.get(first..)?.strip_prefix(&[separator])?);
    (first > 0 && second > 0).then_some(first + 1 + second)
}

/// `2026-11-22 23:06:32.715 UTC`, with or without the fraction. A zone is letters, or a sign and digits.
fn time(text: &[u8]) -> Option<usize> {
    if !looks_like_start(text) {
        return None;
    }
    let mut at = START;
    if text.get(at) == Some(&b'.') {
        at += 1 + digits(text.get(at + 1..)?);
    }
    let zone = text.get(at..)?.strip_prefix(b" ")?;
    let len = match zone.first()? {
        b'+' | b'-' => 1 + digits(&zone[1..]),
        _ => zone.iter().take_while(|byte| byte.is_ascii_alphabetic()).count(),
    };
    (len > 0).then_some(at + 1 + len)
}
