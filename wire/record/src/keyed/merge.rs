//! What a line says beyond its columns, together with what stood beside the line.
//!
//! Both are objects as [`crate::extra`] writes them. Members are copied as they are written: read and written again, `1.10` and a number of
//! thirty digits would be others.

use std::iter;

use crate::extra::ESCAPED;
use crate::json::{self, Member, Value};

/// Where members are kept whose names the line's own record has too.
const ENTRY: &str = "entry";

/// Appends one object of both; of `extra` nothing changes its place.
pub(super) fn merge(extra: &[u8], beside: &[u8], out: &mut Vec<u8>) {
    let (mut own, mut more) = (Vec::new(), Vec::new());
    // One is possibly larger than a reader follows; then it stays whole.
    let is_read = json::object(extra, &mut own).is_ok() && json::object(beside, &mut more).is_ok();
    let mut clashes = Vec::new();
    if is_read {
        let key_of = |text, member: &Member| raw(text, &member.key);
        let is_list = |key: &[u8]| unquoted(key) == ESCAPED;
        for member in &own {
            let key = key_of(extra, member);
            let also = more.iter().find(|other| is_list(key) && key_of(beside, other) == key);
            let value = raw(extra, &member.value);
            match also.map(|other| raw(beside, &other.value)) {
                Some(list) => add(out, key, &[lacks_last(value), b",", lacks_first(list)]),
                None => add(out, key, &[value]),
            }
        }
        for member in &more {
            let key = key_of(beside, member);
            let value = raw(beside, &member.value);
            if own.iter().all(|other| key_of(extra, other) != key) {
                add(out, key, &[value]);
            } else if !is_list(key) {
                add(&mut clashes, key, &[value]);
            }
        }
        if clashes.is_empty() {
            return out.push(b'}');
        }
        clashes.push(b'}');
    } else {
        out.extend_from_slice(lacks_last(extra));
        clashes.extend_from_slice(beside);
    }
    let stands = |key: &str| memchr::memmem::find(out, key.as_bytes()).is_some();
    let names = (0..).map(|count: usize| format!("\"{ENTRY}{}\"", "_".repeat(count)));
    // Each is longer than the one before, so one of them doesn't stand there.
    let name = names.into_iter().find(|name| !stands(name)).unwrap_or_default();
    add(out, name.as_bytes(), &[&clashes]);
    out.push(b'}');
}

/// Adds a member to an object without its closing brace.
fn add(object: &mut Vec<u8>, key: &[u8], value: &[&[u8]]) {
    object.push(if object.is_empty() { b'{' } else { b',' });
    for part in iter::once(&key).chain(iter::once(&&b":"[..])).chain(value) {
        object.extend_from_slice(part);
    }
}

fn raw<'t>(text: &'t [u8], value: &Value) -> &'t [u8] {
    text.get(value.from..value.to).unwrap_or_default()
}

fn unquoted(key: &[u8]) -> &[u8] {
    lacks_first(lacks_last(key))
}

fn lacks_first(text: &[u8]) -> &[u8] {
    text.split_first().map_or(text, |(_, rest)| rest)
}

fn lacks_last(text: &[u8]) -> &[u8] {
    text.split_last().map_or(text, |(_, rest)| rest)
}
