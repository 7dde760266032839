//! The same records as jsonlog: what a server would have written beside its csvlog.

use std::io::Write;
use std::ops::ControlFlow;

use anyhow::{Result, ensure};
use trunkline_record::{Column, End, Format, LogRecord, LogSettings, Parser, Rejected, Sink};

/// Keys of jsonlog and csvlog's columns, in jsonlog's order; times go first and aside.
const KEYS: [(&str, Column, bool); 17] = [
    ("user", Column::UserName, true),
    ("dbname", Column::DatabaseName, true),
    ("pid", Column::ProcessId, false),
    ("remote_host", Column::ConnectionFrom, true),
    ("session_id", Column::SessionId, true),
    ("line_num", Column::SessionLineNum, false),
    ("ps", Column::CommandTag, true),
    ("vxid", Column::VirtualTransactionId, true),
    ("txid", Column::TransactionId, false),
    ("error_severity", Column::ErrorSeverity, true),
    ("message", Column::Message, true),
    ("detail", Column::Detail, true),
    ("hint", Column::Hint, true),
    ("statement", Column::Query, true),
    ("application_name", Column::ApplicationName, true),
    ("backend_type", Column::BackendType, true),
    ("query_id", Column::QueryId, false),
];

/// Writes a csvlog's records as jsonlog.
pub fn from_csvlog(log: &[u8]) -> Result<Vec<u8>> {
    let mut json = Json { out: Vec::with_capacity(log.len() * 2), failed: false };
    Parser::new(Format::Csvlog, &LogSettings::default()).parse(log, 0, End::Final, &mut json);
    ensure!(!json.failed, "a record of the generated log was rejected");
    Ok(json.out)
}

struct Json {
    out: Vec<u8>,
    failed: bool,
}

impl Json {
    fn line(&mut self, record: &LogRecord<'_>) -> Result<()> {
        let time = |micros: i64, format: &str| {
            chrono::DateTime::from_timestamp_micros(micros)
                .unwrap_or_default()
                .format(format)
                .to_string()
        };
        let log_time = time(record.log_time.unix_micros, "%Y-%m-%d %H:%M:%S%.3f UTC");
        let start = record.session_start_time.unwrap_or(record.log_time).unix_micros;
        let start = time(start, "%Y-%m-%d %H:%M:%S UTC");
        write!(self.out, r#"{{"timestamp":"{log_time}","session_start":"{start}""#)?;
        for (key, column, is_text) in KEYS {
            let value = match record.get(column) {
                Some(trunkline_record::Field::Text(bytes)) => {
                    String::from_utf8_lossy(bytes).into_owned()
                }
                Some(trunkline_record::Field::Int(value)) => value.to_string(),
                Some(trunkline_record::Field::Severity(severity)) => severity.to_string(),
                Some(trunkline_record::Field::Time(_)) | None => continue,
            };
            write!(self.out, r#","{key}":"#)?;
            if is_text {
                serde_json::to_writer(&mut self.out, &value)?;
            } else {
                self.out.write_all(value.as_bytes())?;
            }
        }
        self.out.extend_from_slice(b"}\n");
        Ok(())
    }
}

impl Sink for Json {
    fn record(&mut self, _: u64, _: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        self.failed |= self.line(record).is_err();
        ControlFlow::Continue(())
    }

    fn rejected(&mut self, _: Rejected<'_>) -> ControlFlow<()> {
        self.failed = true;
        ControlFlow::Break(())
    }
}
