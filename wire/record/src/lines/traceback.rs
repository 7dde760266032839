//! Which lines behind a Patroni record are its traceback, where other programs write into the same log.
//!
//! Source: Python's documentation, module `traceback`: what a traceback looks like, and how one follows another when exceptions are
//! chained.

const HEADER: &[u8] = b"Traceback (most recent call last):";
/// What stands between the tracebacks of chained exceptions, alone between two empty lines.
const CHAINED: [&[u8]; 2] = [
    b"During handling of the above exception, another exception occurred:",
    b"The above exception was the direct cause of the following exception:",
];

/// Where in a traceback the lines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Traceback {
    /// None has begun.
    #[default]
    Message,
    /// In its indented lines.
    Calls,
    /// Behind the exception.
    Exception,
    /// In an empty line behind an exception.
    Gap,
    /// Behind the words between chained exceptions.
    Chained,
}

/// Whether a line belongs to the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Belongs,
    /// Only if the next one does.
    Perhaps,
    Not,
}

impl Traceback {
    pub(super) fn line(&mut self, line: &[u8]) -> Verdict {
        let (state, verdict) = match (*self, line) {
            (Self::Exception, b"") => (Self::Gap, Verdict::Perhaps),
            (Self::Chained, b"") => (Self::Chained, Verdict::Belongs),
            (Self::Gap, line) if CHAINED.contains(&line) => (Self::Chained, Verdict::Belongs),
            (Self::Gap, _) => (Self::Gap, Verdict::Not),
            (_, HEADER) => (Self::Calls, Verdict::Belongs),
            // Behind an exception: further lines of what it says.
            (Self::Exception, [b' ' | b'\t', ..]) => (Self::Exception, Verdict::Belongs),
            (_, [b' ' | b'\t', ..]) => (Self::Calls, Verdict::Belongs),
            (Self::Calls, line) if is_exception(line) => (Self::Exception, Verdict::Belongs),
            (state, _) => (state, Verdict::Not),
        };
        *self = state;
        verdict
    }
}

/// `psycopg2.OperationalError: connection …`, or the name alone.
fn is_exception(line: &[u8]) -> bool {
    let len = line
        .iter()
        .take_while(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || **byte >= 0x80
        })
        .count();
    let named = line.first().is_some_and(|byte| !byte.is_ascii_digit() && *byte != b'.');
    len > 0 && named && matches!(line.get(len..), Some([] | [b':', ..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of these lines belong to the record before them.
    fn check(lines: &str, expected: usize) {
        let mut traceback = Traceback::default();
        let (mut belong, mut perhaps) = (0, 0);
        for line in lines.split('\n') {
            match traceback.line(line.as_bytes()) {
                Verdict::Belongs => (belong, perhaps) = (belong + perhaps + 1, 0),
                Verdict::Perhaps => perhaps += 1,
                Verdict::Not => break,
            }
        }
        assert_eq!(belong, expected, "{lines}");
    }

    #[test]
    fn a_traceback_belongs_to_its_record_and_nothing_behind_it_does() {
        let first = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\na.b.Error: x: y";
        let indented = "\n\tIs the server running?";
        let chained = "\n\nDuring handling of the above exception, another exception occurred:\n\n";
        check(&format!("{first}\nINFO something"), 4);
        check(&format!("{first}{indented}\nfile.c: no"), 5);
        check(&format!("{first}\n\nother"), 4);
        check(&format!("{first}{chained}{first}\n\n"), 11);
        check("Error: not behind a traceback", 0);
        check("", 0);
        check("  indented\nother things", 1);
        check("  indented\nTimeoutError", 2);
    }
}
