//! CloudNativePG's records: csvlog's columns as an object of strings.
//!
//! Source: CloudNativePG's manual, "Logging", and the types `LoggingRecord` and `PgAuditLoggingDecorator` of its `logpipe`. Its reader of CSV has
//! already turned CRLF inside a text into LF and bytes that aren't UTF-8 into U+FFFD, and doesn't tell `""` from nothing.

use crate::json::{self, Member, Shape, Value};
use crate::{Column, Reason};

use super::member::Members;
use super::{Draft, program};

/// What the manager's own part of the line says: that it is a record, and which pod's.
const OWN: [&[u8]; 4] = [b"logger", b"msg", b"record", b"logging_pod"];

/// The server's record, if these are the members of such a line.
pub(super) fn record(members: &Members<'_>) -> Option<Value> {
    let text = |name: &[u8]| {
        let at = members.find(name)?;
        Some(members.decoded(members.value(at)))
    };
    let record = *members.value(members.find(b"record")?);
    (record.shape == Shape::Object
        && matches!(&*text(b"logger")?, b"postgres" | b"pgaudit")
        && *text(b"msg")? == *b"record")
        .then_some(record)
}

/// Lays out the columns; what has none, and what the manager says beyond its usual, is kept.
pub(super) fn compose(
    members: &Members<'_>,
    record: Value,
    inner: &mut Vec<Member>,
    draft: &mut Draft<'_>,
) -> Result<(), Reason> {
    let line = draft.line;
    let text = line.get(record.from..record.to).unwrap_or_default();
    json::object(text, inner).map_err(|_| Reason::Json)?;
    // They were found in the record; they are used in the line.
    for value in inner.iter_mut().flat_map(|member| [&mut member.key, &mut member.value]) {
        value.from += record.from;
        value.to += record.from;
    }
    let columns = Members::new(line, inner);
    let mut taken = 0u128;
    for at in 0..columns.len() {
        let (key, value) = (columns.key(at), columns.value(at));
        let named = |column: &Column| column.name().as_bytes() == &*key;
        let Some(column) = Column::ALL.into_iter().take(Column::CSVLOG).find(named) else {
            continue;
        };
        match value.shape {
            Shape::Text if value.to - value.from == 2 => {}
            Shape::Text => {
                let place = draft.text(value);
                draft.set(column, place);
            }
            _ => return Err(Reason::Value(column)),
        }
        taken |= 1u128.checked_shl(u32::try_from(at).unwrap_or(u32::MAX)).unwrap_or_default();
    }
    draft.keep(&columns, |at| at < 128 && taken >> at & 1 != 0);
    draft.keep(members, |at| {
        let key = members.key(at);
        OWN.contains(&&*key) || program::TIMES.contains(&&*key) || program::LEVELS.contains(&&*key)
    });
    Ok(())
}
