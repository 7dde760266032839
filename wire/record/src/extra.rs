//! Builds a record's `extra`: a JSON object that a `jsonb` column can hold, of what the record has beyond its columns.
//!
//! `jsonb` holds neither NUL nor text that isn't UTF-8. A member that has such bytes, in its key or in a string of its value, is written
//! with the escape of [`crate::escape`] in all its strings, and its key, as it is written, is listed under [`ESCAPED`].

use crate::escape;
use crate::json::{self, Shape, Value};

/// The key under which members are listed whose strings are escaped.
pub(crate) const ESCAPED: &[u8] = b"trunkline_escaped";
/// The longest number that is written as one. Readers of JSON take numbers for floats, and refuse those that are none.
const LONGEST_NUMBER: usize = 64;

/// Collects members; empty until one is put in.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    /// The object without its closing brace.
    json: Vec<u8>,
    /// The array of keys of escaped members without its closing bracket.
    escaped: Vec<u8>,
}

impl Extra {
    /// Forgets all members.
    pub(crate) fn clear(&mut self) {
        self.json.clear();
        self.escaped.clear();
    }

    /// Puts in a text.
    pub(crate) fn text(&mut self, key: &[u8], text: &[u8]) {
        let escaped = escape::needs(key) || escape::needs(text);
        self.key(key, escaped);
        string(text, escaped, &mut self.json);
    }

    /// Puts in a decimal number.
    pub(crate) fn number(&mut self, key: &[u8], digits: &[u8]) {
        if json::is_number(digits) {
            self.key(key, escape::needs(key));
            number(digits, &mut self.json);
        } else {
            self.text(key, digits);
        }
    }

    /// Puts in the values that stand in `line`: one as it is, several, which a key that stands twice has, as an array.
    pub(crate) fn values<'v>(
        &mut self,
        key: &[u8],
        line: &[u8],
        values: impl Iterator<Item = &'v Value> + Clone,
    ) {
        let escaped = escape::needs(key) || values.clone().any(|value| !value.plain);
        self.key(key, escaped);
        let several = values.clone().nth(1).is_some();
        self.json.extend_from_slice(if several { b"[" } else { b"" });
        for (at, value) in values.enumerate() {
            if at > 0 {
                self.json.push(b',');
            }
            copy(value, line, escaped, &mut self.json);
        }
        self.json.extend_from_slice(if several { b"]" } else { b"" });
    }

    /// The object; `None` if nothing was put in.
    pub(crate) fn finish(&mut self) -> Option<&[u8]> {
        if self.json.is_empty() {
            return None;
        }
        if !self.escaped.is_empty() {
            self.json.push(b',');
            string(ESCAPED, false, &mut self.json);
            self.json.push(b':');
            self.json.append(&mut self.escaped);
            self.json.push(b']');
        }
        self.json.push(b'}');
        Some(&self.json)
    }

    fn key(&mut self, key: &[u8], escaped: bool) {
        self.json.push(if self.json.is_empty() { b'{' } else { b',' });
        string(key, escaped, &mut self.json);
        self.json.push(b':');
        if escaped {
            self.escaped.push(if self.escaped.is_empty() { b'[' } else { b',' });
            string(key, true, &mut self.escaped);
        }
    }
}

/// Appends a value as it stands in `line`, made fit for `jsonb`.
fn copy(value: &Value, line: &[u8], escaped: bool, out: &mut Vec<u8>) {
    let raw = line.get(value.from..value.to).unwrap_or_default();
    match value.shape {
        Shape::Number => number(raw, out),
        Shape::Text if !escaped => out.extend_from_slice(raw),
        Shape::Word if !matches!(raw, b"true" | b"false" | b"null") => string(raw, false, out),
        Shape::Word => out.extend_from_slice(raw),
        Shape::Text | Shape::Object | Shape::Array => tokens(raw, escaped, out),
    }
}

/// Appends the JSON `raw` with its strings and numbers made fit.
fn tokens(raw: &[u8], escaped: bool, out: &mut Vec<u8>) {
    let mut text = Vec::new();
    for token in json::tokens(raw) {
        match token {
            json::Token::Text(inner) if escaped => {
                text.clear();
                json::decode(inner, &mut text);
                string(&text, true, out);
            }
            json::Token::Text(inner) => {
                out.push(b'"');
                out.extend_from_slice(inner);
                out.push(b'"');
            }
            json::Token::Bare(word) if json::is_number(word) => number(word, out),
            json::Token::Bare(word @ (b"true" | b"false" | b"null")) => {
                out.extend_from_slice(word);
            }
            // Python writes NaN and Infinity.
            json::Token::Bare(word) => string(word, false, out),
            json::Token::Mark(mark) => out.push(mark),
        }
    }
}

/// Appends a number, as a string if readers couldn't take it.
fn number(digits: &[u8], out: &mut Vec<u8>) {
    let readable = digits.len() <= LONGEST_NUMBER
        && std::str::from_utf8(digits)
            .is_ok_and(|digits| digits.parse().is_ok_and(|value: f64| value.is_finite()));
    if readable {
        out.extend_from_slice(digits);
    } else {
        string(digits, false, out);
    }
}

/// Appends a JSON string; without the escape, `text` is UTF-8 without NUL.
fn string(text: &[u8], escaped: bool, out: &mut Vec<u8>) {
    let mut visible = Vec::new();
    let text = if escaped {
        escape::escape_into(text, &mut visible);
        &visible
    } else {
        text
    };
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(br"\n"),
            b'\r' => out.extend_from_slice(br"\r"),
            b'\t' => out.extend_from_slice(br"\t"),
            ..=0x1f => {
                let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
                out.extend_from_slice(br"\u00");
                out.extend_from_slice(&[digit(byte >> 4), digit(byte & 0x0f)]);
            }
            byte => out.push(byte),
        }
    }
    out.push(b'"');
}
