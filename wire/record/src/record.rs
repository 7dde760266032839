//! One log record, lent out: its texts are slices of the buffer that it was read from, or of its parser's memory.

use crate::{Column, Severity, Table, Timestamp};

/// A record of a log. `None` is what its writer left out; an empty text is what a server wrote as `""`.
#[derive(Debug, Clone, Copy)]
pub struct LogRecord<'a> {
    /// Whose record it is.
    pub table: Table,
    /// When the record was written.
    pub log_time: Timestamp,
    /// `process_id`
    pub process_id: Option<i32>,
    /// `session_line_num`
    pub session_line_num: Option<i64>,
    /// When the session's process started.
    pub session_start_time: Option<Timestamp>,
    /// `transaction_id`, an unsigned 32-bit number in the server.
    pub transaction_id: Option<i64>,
    /// `error_severity`; a server always writes one, other programs may not.
    pub error_severity: Option<Severity>,
    /// The word that stood for the severity, where it doesn't say it exactly: one in no known language, for which the SQLSTATE had to
    /// decide, or another program's, such as `alert`.
    pub severity_as_written: Option<&'a [u8]>,
    /// `internal_query_pos`, counted in characters from 1.
    pub internal_query_pos: Option<i32>,
    /// `query_pos`, counted in characters from 1.
    pub query_pos: Option<i32>,
    /// `leader_pid`
    pub leader_pid: Option<i32>,
    /// `query_id`; may be negative.
    pub query_id: Option<i64>,
    /// What there is beyond the columns: a JSON object in UTF-8, without `\u0000`.
    pub extra: Option<&'a [u8]>,
    /// The texts, by column; the places of other columns stay empty.
    pub(crate) texts: [Option<&'a [u8]>; Column::COUNT],
    /// The bytes that the texts of [`Column::OF_SESSION`] were read from: where they are the same as another record's, so are those.
    pub(crate) session: Option<[&'a [u8]; 2]>,
}

/// A column's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field<'a> {
    /// Bytes as the server wrote them.
    Text(&'a [u8]),
    /// A number.
    Int(i64),
    /// A moment.
    Time(Timestamp),
    /// A severity.
    Severity(Severity),
}

impl<'a> LogRecord<'a> {
    /// A record of which only these are known.
    #[inline]
    pub fn new(table: Table, log_time: Timestamp, error_severity: Option<Severity>) -> Self {
        Self {
            table,
            log_time,
            process_id: None,
            session_line_num: None,
            session_start_time: None,
            transaction_id: None,
            error_severity,
            severity_as_written: None,
            internal_query_pos: None,
            query_pos: None,
            leader_pid: None,
            query_id: None,
            extra: None,
            texts: [None; Column::COUNT],
            session: None,
        }
    }

    /// What a parser fills in: nothing is known.
    #[inline]
    pub(crate) fn blank() -> Self {
        Self::new(Table::Postgres, Timestamp { unix_micros: 0, digits: 0 }, None)
    }

    /// The text in this column; `None` also for a column that holds no text.
    #[inline]
    pub fn text(&self, column: Column) -> Option<&'a [u8]> {
        self.texts[column as usize]
    }

    /// Puts a text into a column that holds texts.
    pub fn set_text(&mut self, column: Column, text: Option<&'a [u8]>) {
        self.texts[column as usize] = text;
        self.session = None;
    }

    /// The value in this column.
    pub fn get(&self, column: Column) -> Option<Field<'a>> {
        let int4 = |value: Option<i32>| value.map(|value| Field::Int(value.into()));
        match column {
            Column::LogTime => Some(Field::Time(self.log_time)),
            Column::ProcessId => int4(self.process_id),
            Column::SessionLineNum => self.session_line_num.map(Field::Int),
            Column::SessionStartTime => self.session_start_time.map(Field::Time),
            Column::TransactionId => self.transaction_id.map(Field::Int),
            Column::ErrorSeverity => self.error_severity.map(Field::Severity),
            Column::InternalQueryPos => int4(self.internal_query_pos),
            Column::QueryPos => int4(self.query_pos),
            Column::LeaderPid => int4(self.leader_pid),
            Column::QueryId => self.query_id.map(Field::Int),
            _ => self.text(column).map(Field::Text),
        }
    }
}
