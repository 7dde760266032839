//! Texts by column made into a record: numbers, times and severities read and checked. What all formats end in.

use crate::severity::Reading;
use crate::timestamp::TimestampReader;
use crate::{Column, Kind, LogRecord, Reason, Severity};

/// A record of these texts, with the columns that are no texts read.
pub(crate) fn typed<'a>(
    texts: [Option<&'a [u8]>; Column::COUNT],
    times: (&mut TimestampReader, &mut TimestampReader),
) -> Result<LogRecord<'a>, Reason> {
    let mut record = LogRecord { texts, ..LogRecord::blank() };
    read_typed(&mut record, times)?;
    Ok(record)
}

/// Reads the columns that are no texts out of a blank record's texts, where they were put. In place: a record is several hundred bytes.
#[inline]
pub(crate) fn read_typed(
    record: &mut LogRecord<'_>,
    (log_time, session_start_time): (&mut TimestampReader, &mut TimestampReader),
) -> Result<(), Reason> {
    let texts = &mut record.texts;
    let mut take = |column: Column| texts[column as usize].take();
    let missing = Reason::Value;
    let time = take(Column::LogTime).and_then(|text| log_time.read(text));
    record.log_time = time.ok_or(missing(Column::LogTime))?;
    let word = take(Column::ErrorSeverity).ok_or(missing(Column::ErrorSeverity))?;
    let reading = Severity::read(word, texts[Column::SqlStateCode as usize]);
    match reading.ok_or(missing(Column::ErrorSeverity))? {
        Reading::Known(severity) => record.error_severity = Some(severity),
        Reading::BySqlState(severity) => {
            record.error_severity = Some(severity);
            record.severity_as_written = Some(word);
        }
    }
    if let Some(text) = texts[Column::SessionStartTime as usize].take() {
        let read = session_start_time.read(text);
        record.session_start_time = Some(read.ok_or(missing(Column::SessionStartTime))?);
    }
    let mut int = |column: Column| match texts[column as usize].take() {
        None => Ok(None),
        Some(text) => integer(text, column.kind()).ok_or(missing(column)).map(Some),
    };
    // `integer` has checked that what goes into a 32-bit column fits it.
    #[allow(clippy::cast_possible_truncation)]
    let int4 = |value: i64| value as i32;
    record.process_id = int(Column::ProcessId)?.map(int4);
    record.session_line_num = int(Column::SessionLineNum)?;
    record.transaction_id = int(Column::TransactionId)?;
    record.internal_query_pos = int(Column::InternalQueryPos)?.map(int4);
    record.query_pos = int(Column::QueryPos)?.map(int4);
    record.leader_pid = int(Column::LeaderPid)?.map(int4);
    record.query_id = int(Column::QueryId)?;
    Ok(())
}

/// A decimal number with an optional minus, in the range of its column.
#[inline]
fn integer(text: &[u8], kind: Kind) -> Option<i64> {
    let (digits, sign) = match text {
        [b'-', digits @ ..] => (digits, -1),
        digits => (digits, 1),
    };
    if digits.is_empty() {
        return None;
    }
    // As many digits as can't be too large go without a look at that.
    if digits.len() <= 18 {
        let mut value = 0i64;
        for &byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value * 10 + i64::from(digit);
        }
        let value = sign * value;
        return (kind != Kind::Int4 || i32::try_from(value).is_ok()).then_some(value);
    }
    let mut value = 0i64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(sign * i64::from(digit))?;
    }
    (kind != Kind::Int4 || i32::try_from(value).is_ok()).then_some(value)
}
