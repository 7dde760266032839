//! Telling a log's format by its beginning.

use std::ops::ControlFlow;

use crate::{End, Format, LogRecord, LogSettings, Parser, Rejected, Sink, Table};

impl Format {
    /// The format in which the beginning of a log has a whole record; `None` when it has none yet, or is in no known format.
    ///
    /// A log may begin in the middle of a record. Formats don't mistake one another's records: each has a shape of its own.
    pub fn detect(beginning: &[u8], settings: &LogSettings, end: End) -> Option<Self> {
        Self::ALL.into_iter().find(|format| {
            let mut found = First(false);
            Parser::new(*format, settings).parse(beginning, 0, end, &mut found);
            found.0
        })
    }
}

/// Whether there was a record.
struct First(bool);

impl Sink for First {
    fn record(&mut self, _: u64, _: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        // What isn't in a format is a component's line for it.
        if record.table == Table::Component {
            return ControlFlow::Continue(());
        }
        self.0 = true;
        ControlFlow::Break(())
    }

    fn rejected(&mut self, _: Rejected<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(beginning: &str, expected: Option<Format>) {
        assert_eq!(
            Format::detect(beginning.as_bytes(), &LogSettings::default(), End::More),
            expected
        );
    }

    #[test]
    fn the_first_whole_record_decides() {
        let csv = "2026-11-22 22:36:24.800 UTC,,,1,,6b.1,1,,2026-11-22 22:36:24 UTC,,0,LOG,00000,\"m\",,,,,,,,,\"\",\"postmaster\",,0\n";
        let json = "{\"timestamp\":\"2026-11-22 22:36:24.800 UTC\",\"pid\":1,\"error_severity\":\"LOG\",\"message\":\"m\"}\n";
        check(csv, Some(Format::Csvlog));
        check(&format!("torn rest\",,,\n{csv}"), Some(Format::Csvlog));
        check(json, Some(Format::Jsonlog));
        check(&format!("torn rest\"}}\n{json}"), Some(Format::Jsonlog));
        check(&csv[..80], None);
        check("2026-11-22 22:36:24.800 UTC [1] LOG:  m\n", None);
        check("", None);
    }
}
