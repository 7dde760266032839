//! Takes out of a connection string the parameters that the driver doesn't know, by libpq's names.

use std::collections::BTreeMap;

use super::url::UrlError;

/// What the driver leaves to us: it knows fewer modes of TLS and fewer kinds of session, and no certificate files.
const OURS: [&str; 5] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs"];

/// What was taken out, by name.
pub(super) type Parameters = BTreeMap<&'static str, String>;

/// The connection string without what is ours, and what is.
pub(super) fn take(text: &str) -> Result<(String, Parameters), UrlError> {
    if ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
        from_url(text)
    } else {
        from_pairs(text)
    }
}

fn from_url(url: &str) -> Result<(String, Parameters), UrlError> {
    let mut ours = Parameters::new();
    let Some((address, query)) = url.split_once('?') else { return Ok((url.to_owned(), ours)) };
    let mut rest = Vec::new();
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match OURS.into_iter().find(|name| *name == key) {
            Some(name) => {
                ours.insert(name, percent_decoded(name, value)?);
            }
            None => rest.push(pair),
        }
    }
    let separator = if rest.is_empty() { "" } else { "?" };
    Ok((format!("{address}{separator}{}", rest.join("&")), ours))
}

fn percent_decoded(name: &str, value: &str) -> Result<String, UrlError> {
    let invalid = || UrlError(format!("the value of {name} can't be read"));
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit().ok_or_else(invalid)?, digit().ok_or_else(invalid)?);
                u8::try_from(high * 16 + low).map_err(|_| invalid())?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| invalid())
}

/// `key = value`, with values that may stand in single quotes and characters that may be escaped by a backslash.
fn from_pairs(text: &str) -> Result<(String, Parameters), UrlError> {
    let mut ours = Parameters::new();
    let mut others = String::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((key, behind)) = rest.split_once('=') else {
            return Err(UrlError("a parameter has no value".to_owned()));
        };
        let (key, behind) = (key.trim(), behind.trim_start());
        let end = end_of_value(behind);
        let (value, behind) = behind.split_at(end);
        match OURS.into_iter().find(|name| *name == key) {
            Some(name) => {
                ours.insert(name, unquoted(value));
            }
            None => {
                others.push_str(key);
                others.push('=');
                others.push_str(value);
                others.push(' ');
            }
        }
        rest = behind.trim_start();
    }
    Ok((others, ours))
}

fn end_of_value(text: &str) -> usize {
    let quoted = text.starts_with('\'');
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(usize::from(quoted)) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' if quoted => return at + 1,
            _ if !quoted && character.is_whitespace() => return at,
            _ => {}
        }
    }
    text.len()
}

fn unquoted(value: &str) -> String {
    let inner =
        value.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\'')).unwrap_or(value);
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, rest: &str, ours: &[(&'static str, &str)]) {
        let ours = ours.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        assert_eq!(take(text).unwrap(), (rest.to_owned(), ours));
    }

    #[test]
    fn a_url_loses_what_is_ours() {
        check("postgres://h/d", "postgres://h/d", &[]);
        check(
            "postgres://h/d?sslmode=verify-full&application_name=x&sslrootcert=%2Fa%20b%2Fca.pem",
            "postgres://h/d?application_name=x",
            &[("sslmode", "verify-full"), ("sslrootcert", "/a b/ca.pem")],
        );
        check("postgres://h/d?sslmode=disable", "postgres://h/d", &[("sslmode", "disable")]);
        assert!(take("postgres://h/d?sslkey=%G1").is_err());
    }

    #[test]
    fn pairs_lose_what_is_ours() {
        check(
            r"host=h sslkey = '/a b/\'k' password='it\'s = me' sslmode=require",
            r"host=h password='it\'s = me' ",
            &[("sslkey", "/a b/'k"), ("sslmode", "require")],
        );
        assert!(take("nonsense").is_err());
    }
}
