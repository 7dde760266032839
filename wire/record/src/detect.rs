//! Telling a log's format by its beginning.

use std::ops::ControlFlow;

use crate::lines::is_csvlog;
use crate::{End, Format, LogRecord, LogSettings, Parser, Rejected, Sink, Table, cri};

impl Format {
    /// The format in which the beginning of a log has a whole record; `None` when it has none yet, or is in no known format.
    ///
    /// A log may begin in the middle of a record, and a message may hold whole records of another format, on lines of their own. So it's
    /// the format that has a record first. A container log shows in its first line already.
    pub fn detect(beginning: &[u8], settings: &LogSettings, end: End) -> Option<Self> {
        if cri::is_container_log(beginning) {
            return Some(Self::Cri);
        }
        let mut first: Option<(usize, Self)> = None;
        // csvlog's parser doesn't yet know what is behind this.
        let mut undecided = 0;
        for format in Self::ALL.into_iter().filter(|format| *format != Self::Cri) {
            let (found, consumed) = first_record(format, beginning, settings, end);
            // Of two that have one at the same place, the one that is tried first asks for more.
            if let Some(position) = found
                && first.is_none_or(|(before, _)| position < before)
            {
                first = Some((position, format));
            }
            if format == Self::Csvlog {
                undecided = consumed;
            }
            if first.is_some_and(|(position, _)| position == 0) {
                break;
            }
        }
        let (position, format) = first?;
        if format == Self::Csvlog {
            return Some(format);
        }
        let behind = beginning.get(position..).unwrap_or_default();
        let line_end = position + memchr::memchr(b'\n', behind).unwrap_or(behind.len());
        // It may as well be a part of a csvlog record that isn't whole.
        let is_csvlogs = beginning.get(undecided..line_end).is_some_and(begins_csvlog);
        (!is_csvlogs).then_some(format)
    }
}

/// Where the first record of this format begins, lines aside that are nobody's, and what its parser has consumed.
fn first_record(
    format: Format,
    beginning: &[u8],
    settings: &LogSettings,
    end: End,
) -> (Option<usize>, usize) {
    let mut parser = Parser::new(format, settings);
    // Whether a record says its time doesn't matter here.
    parser.assume_time(0);
    let end = match format {
        Format::Csvlog | Format::Jsonlog => end,
        // It doesn't matter either whether more lines belong to it.
        _ if end == End::More => End::Pause,
        _ => end,
    };
    let mut first = First { beginning, position: None };
    let consumed = parser.parse(beginning, 0, end, &mut first);
    (first.position, consumed)
}

/// Whether a line begins as csvlog's records do, one of which may go on over many lines, whatever these look like.
fn begins_csvlog(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').any(is_csvlog)
}

/// The position of the first record that a line begins with.
struct First<'a> {
    beginning: &'a [u8],
    position: Option<usize>,
}

impl First<'_> {
    /// Whether a line begins there, and not one that belongs to another one. A record that stands behind a torn one, or that is quoted in a
    /// server's message, has something before it.
    fn is_line(&self, position: usize) -> bool {
        let (before, behind) = self.beginning.split_at(position);
        before.last().is_none_or(|byte| *byte == b'\n') && behind.first() != Some(&b'\t')
    }
}

impl Sink for First<'_> {
    fn record(&mut self, position: u64, _: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        let Ok(position) = usize::try_from(position) else { return ControlFlow::Continue(()) };
        // What isn't in a format is a component's line for it.
        if record.table == Table::Component || !self.is_line(position) {
            return ControlFlow::Continue(());
        }
        self.position = Some(position);
        ControlFlow::Break(())
    }

    fn rejected(&mut self, _: Rejected<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "2026-11-22 22:36:24.800 UTC,,,1,,6b.1,1,,2026-11-22 22:36:24 UTC,,0,LOG,00000,\"m\",,,,,,,,,\"\",\"postmaster\",,0\n";
    const JSON: &str = "{\"timestamp\":\"2026-11-22 22:36:24.800 UTC\",\"pid\":1,\"error_severity\":\"LOG\",\"message\":\"m\"}\n";
    const STDERR: &str = "2026-11-22 22:36:24.800 UTC [1] LOG:  m\n";
    const PATRONI: &str = "2026-11-22 22:36:24,800 INFO: m\n";
    const PATRONI_JSON: &str =
        "{\"asctime\": \"2026-11-22 22:36:24,800\", \"levelname\": \"INFO\", \"message\": \"m\"}\n";
    const CRI: &str = "2026-11-22T22:36:24.800190257Z stderr F ";

    const EACH: [(&str, Format); 5] = [
        (CSV, Format::Csvlog),
        (JSON, Format::Jsonlog),
        (STDERR, Format::Stderr),
        (PATRONI, Format::Patroni),
        (PATRONI_JSON, Format::PatroniJson),
    ];

    #[track_caller]
    fn check(beginning: &str, expected: Option<Format>) {
        assert_eq!(
            Format::detect(beginning.as_bytes(), &LogSettings::default(), End::More),
            expected,
            "{beginning}"
        );
    }

    #[test]
    fn the_first_whole_record_decides() {
        for (record, format) in EACH {
            check(record, Some(format));
            check(&record.repeat(3), Some(format));
            check(&format!("torn rest\",,,\n{record}"), Some(format));
            check(&format!("torn rest\"}}\n{record}"), Some(format));
            check(&format!("\ttorn rest\n\n{record}"), Some(format));
            check(&record[..record.len() - 1], None);
            for (other, _) in EACH {
                check(&format!("{record}{other}"), Some(format));
            }
        }
        check("2026-11-22 22:36:24.800 UTC,[1] LOG:  m\n", None);
        check("", None);
        check("entrypoint: initialising\n", None);
        check("2026-11-22 22:36:24.800187 I | etcdmain: etcd Version: 3.4.23\n", None);
    }

    #[test]
    fn a_container_log_shows_in_its_first_line_whatever_is_in_it() {
        check(CRI, Some(Format::Cri));
        for (record, _) in EACH {
            check(&format!("{CRI}{record}"), Some(Format::Cri));
            check(&format!("{CRI}nothing\n{record}"), Some(Format::Cri));
        }
        check(&CRI[..30], None);
    }

    #[test]
    fn records_within_messages_of_another_format_dont_decide() {
        let message = |quote: &str| {
            let others = [STDERR, PATRONI, JSON, PATRONI_JSON];
            format!("say\n{}", others.concat().replace('"', quote))
        };
        let csv = CSV.replace("\"m\"", &format!("\"{}\"", message("\"\"")));
        check(&csv, Some(Format::Csvlog));
        check(&csv[..csv.len() - 60], None);
        check(&format!("torn rest\",,,\n{}", &csv[..csv.len() - 60]), None);
        let indented = format!("{CSV}{}", message("\"")).replace('\n', "\n\t");
        check(&STDERR.replace("m\n", &format!("{indented}\n")), Some(Format::Stderr));
        // Not known to be stderr, for want of its prefix.
        check(&format!("[1] app LOG:  {indented}\n"), None);
        let traceback = format!("\nTraceback:\n  {CSV}  {JSON}");
        check(&PATRONI.replace("m\n", &traceback), Some(Format::Patroni));
    }
}
