//! An independent reader of csvlog: what a test compares the table with.
//!
//! It shares no code with `wire/record`: the `csv` crate splits the file, and fields are only taken by their place in the
//! manual's list of columns. The crate doesn't tell an empty field from an empty quoted string; since csvlog writes NULL as the former
//! and the latter for an empty text, a comparison takes both as equal, see [`same_text`].

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// csvlog's columns in the order of the manual ("Error Reporting and Logging"); older servers end earlier.
pub const COLUMNS: [&str; 26] = [
    "log_time",
    "user_name",
    "database_name",
    "process_id",
    "connection_from",
    "session_id",
    "session_line_num",
    "command_tag",
    "session_start_time",
    "virtual_transaction_id",
    "transaction_id",
    "error_severity",
    "sql_state_code",
    "message",
    "detail",
    "hint",
    "internal_query",
    "internal_query_pos",
    "context",
    "query",
    "query_pos",
    "location",
    "application_name",
    "backend_type",
    "leader_pid",
    "query_id",
];

/// One record: where it begins, and its fields as bytes with the quotes undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrueRecord {
    /// Byte offset of the record's first byte in its file.
    pub position: u64,
    fields: Vec<Vec<u8>>,
}

impl TrueRecord {
    /// A column by its name; none where the server is too old to have it.
    pub fn field(&self, column: &str) -> Option<&[u8]> {
        let place = COLUMNS.iter().position(|name| *name == column)?;
        self.fields.get(place).map(Vec::as_slice)
    }

    /// The same as text, which must be UTF-8.
    pub fn text(&self, column: &str) -> Result<&str> {
        let bytes = self.field(column).unwrap_or_default();
        std::str::from_utf8(bytes)
            .with_context(|| format!("{column} of the record at {}", self.position))
    }

    /// How many columns the record has.
    pub fn columns(&self) -> usize {
        self.fields.len()
    }

    /// Whether any field holds a line feed.
    pub fn is_multiline(&self) -> bool {
        self.fields.iter().any(|field| field.contains(&b'\n'))
    }
}

/// The records of a csvlog file's content, up to its end; a last record without a line feed is torn and is not one.
pub fn read(content: &[u8]) -> Result<Vec<TrueRecord>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(content);
    let mut records = Vec::new();
    let mut record = csv::ByteRecord::new();
    loop {
        // Before the call: the reader's own idea of where a record begins may lag behind skipped line ends.
        let position = reader.position().byte();
        let more = reader
            .read_byte_record(&mut record)
            .with_context(|| format!("record at {position}"))?;
        if !more {
            return Ok(records);
        }
        let raw = &content[position as usize..reader.position().byte() as usize];
        let quotes = raw.iter().filter(|byte| **byte == b'"').count();
        if !raw.ends_with(b"\n") || quotes % 2 == 1 {
            return Ok(records);
        }
        if !matches!(record.len(), 23 | 24 | 26) {
            bail!("the record at {position} has {} columns", record.len());
        }
        records.push(TrueRecord { position, fields: record.iter().map(<[u8]>::to_vec).collect() });
    }
}

/// The records of a csvlog file.
pub fn read_file(path: &Path) -> Result<Vec<TrueRecord>> {
    let content = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    read(&content).with_context(|| format!("in {}", path.display()))
}

/// Whether a column of the table holds the bytes of a field: NULL and the empty text both stand for an empty field.
pub fn same_text(stored: Option<&str>, field: Option<&[u8]>) -> bool {
    stored.unwrap_or_default().as_bytes() == field.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{read, same_text};
    use crate::fixtures::Corpus;

    /// A line with 23 columns whose message and query are these.
    fn line(message: &str, query: &str) -> String {
        format!(
            "2026-01-01 00:00:00.000 UTC,,,1,,x,1,,t,,0,LOG,00000,{message},,,,,,{query},,,\"\"\n"
        )
    }

    #[test]
    fn positions_are_offsets_of_first_bytes() {
        let lines = [line("a", ""), line("\"b\r\n\"\"c\"\"\n\"", "\"d\ne\""), line("\"\"", "")];
        let records = read(lines.concat().as_bytes()).unwrap();
        let positions: Vec<u64> = records.iter().map(|record| record.position).collect();
        assert_eq!(positions, [0, lines[0].len() as u64, (lines[0].len() + lines[1].len()) as u64]);
        assert_eq!(records[1].text("message").unwrap(), "b\r\n\"c\"\n");
        assert_eq!(records[1].text("query").unwrap(), "d\ne");
        assert!(records[1].is_multiline() && !records[0].is_multiline());
        assert!(same_text(None, records[2].field("message")));
        assert!(same_text(None, records[2].field("query_id")));
    }

    #[test]
    fn a_torn_last_record_is_not_read() {
        let whole = line("a", "");
        for cut in 1..whole.len() {
            let torn = format!("{whole}{}", &whole[..cut]);
            assert_eq!(read(torn.as_bytes()).unwrap().len(), 1, "cut at {cut}");
        }
        let in_quotes = format!("{whole}{}", "2026,,\"a\nb\n");
        assert_eq!(read(in_quotes.as_bytes()).unwrap().len(), 1);
    }

    #[test]
    fn it_counts_what_expected_json_says() {
        let fixtures = Corpus::all().unwrap().files("csvlog");
        assert!(fixtures.len() >= 40, "only {} csvlog files", fixtures.len());
        for fixture in fixtures {
            let bytes = fixture.bytes().unwrap();
            let records = read(&bytes).unwrap();
            let count = |keep: &dyn Fn(&super::TrueRecord) -> bool| {
                records.iter().filter(|record| keep(record)).count() as u64
            };
            let (expected, path) = (&fixture.expected, &fixture.path);
            assert_eq!(Some(records.len() as u64), expected.records, "{path}");
            assert_eq!(Some(count(&|r| r.is_multiline())), expected.multiline_records, "{path}");
            for (severity, records) in &expected.by_severity {
                let found = count(&|r| r.field("error_severity") == Some(severity.as_bytes()));
                assert_eq!(found, *records, "{severity} in {path}");
            }
            for record in &records {
                let at = record.position as usize;
                assert!(at == 0 || bytes[at - 1] == b'\n', "{at} in {path} begins no line");
                assert!(bytes[at..].starts_with(b"20"), "{at} in {path} begins no record");
            }
        }
    }
}
