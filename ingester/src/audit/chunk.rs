//! Entries as the records of a forward chunk.

use chrono::{DateTime, Utc};
use trunkline_forward::Message;
use trunkline_record::{
    ChunkBuilder, ChunkHeader, ChunkLimits, Column, LogRecord, Severity, Sink, Source, StreamId,
    Table, Timestamp,
};

use super::{Entry, NAME};
use crate::chunk::{Refusal, made_here};

/// One record for each entry, and one more if some were lost. Its stream is its own, and ends with it, as one of another sender.
pub(super) fn chunk(
    entries: &[Entry],
    lost: u64,
    host: &str,
    now: DateTime<Utc>,
) -> Result<(ChunkHeader, Message), Refusal> {
    let time = Timestamp { unix_micros: now.timestamp_micros(), digits: 6 };
    // Full only when the entries are.
    let mut builder =
        ChunkBuilder::new(ChunkLimits { bytes: usize::MAX, ..ChunkLimits::default() });
    builder.begin(0);
    let mut records = 0;
    let mut add = |severity, text: &str, extra: &serde_json::Value| {
        let extra = extra.to_string();
        let mut record = LogRecord::new(Table::Component, time, Some(severity));
        record.process_id = i32::try_from(std::process::id()).ok();
        record.set_text(Column::Component, Some(NAME.as_bytes()));
        record.set_text(Column::Message, Some(text.as_bytes()));
        record.extra = Some(extra.as_bytes());
        let _ = builder.record(records, 0, &record);
        records += 1;
    };
    for entry in entries {
        // Texts and numbers can always be written.
        let extra = serde_json::to_value(entry).unwrap_or_default();
        add(Severity::Log, &text(entry), &extra);
    }
    if lost > 0 {
        let text = format!("{lost} requests before this have no row here");
        add(Severity::Warning, &text, &serde_json::json!({ "lost": lost }));
    }
    let sealed = builder.finish(records)?;
    let (namespace, pod) = (Some(NAME.to_owned()), Some(host.to_owned()));
    let source = Source { namespace, pod, ..Source::default() };
    made_here(NAME, StreamId(rand::random()), &source, &sealed)
}

/// What a person reads.
fn text(entry: &Entry) -> String {
    let Entry { method, path, name, milliseconds, .. } = entry;
    let tenant = entry.tenant.as_ref().map(|tenant| format!(" as {tenant}")).unwrap_or_default();
    let status = entry.status.map_or("no answer".to_owned(), |status| status.to_string());
    let rows = entry.rows.map(|rows| format!("{rows} rows, ")).unwrap_or_default();
    format!("{method} {path} by {name}{tenant}: {status}, {rows}{milliseconds} ms")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::entry;

    #[test]
    fn a_row_says_who_asked_what() {
        let expected = "GET /api/v1/logs by token grafana as orders_team: 200, 3 rows, 4 ms";
        assert_eq!(text(&entry()), expected);
        let left = Entry { tenant: None, status: None, rows: None, ..entry() };
        assert_eq!(text(&left), "GET /api/v1/logs by token grafana: no answer, 4 ms");
    }

    #[test]
    fn what_was_lost_is_a_record_too() {
        let (header, message) = chunk(&[entry(), entry()], 7, "h", Utc::now()).unwrap();
        assert_eq!((header.from, header.to, message.options.size), (0, 3, Some(3)));
        assert_eq!((header.source.cluster, header.source.namespace.as_deref()), (None, Some(NAME)));
    }
}
