//! How far somebody who watches has come, as a text that they give back. Pure.

use std::fmt;
use std::str::FromStr;

use trunkline_query::{Cursor, Direction, Place};

use super::snapshot::Snapshot;

/// How far somebody has come. Its text is for us alone to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// When everything had been seen for the last time, in seconds since 1970 by the database's clock: what came later isn't kept for ever.
    pub(super) at: i64,
    /// What was seen.
    pub(super) seen: Snapshot,
    /// What was being shown: the rows of a group of transactions, up to a place in their order.
    pub(super) part: Option<Part>,
}

/// A group of transactions of which not everything was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The group is the first of what this one sees and the token's doesn't.
    pub(super) target: Snapshot,
    /// The last row that was shown.
    pub(super) behind: Place,
}

/// Text that isn't a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token that this service gave out")]
pub struct InvalidToken;

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at, self.seen)?;
        if let Some(Part { target, behind }) = &self.part {
            let cursor = Cursor { place: *behind, direction: Direction::Next };
            write!(f, ".{target}.{cursor}")?;
        }
        Ok(())
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let snapshot = |text: &str| text.parse::<Snapshot>().map_err(|_| InvalidToken);
        let mut parts = text.split('.');
        let mut next = || parts.next();
        let at = next().and_then(|at| at.parse().ok()).ok_or(InvalidToken)?;
        let seen = snapshot(next().ok_or(InvalidToken)?)?;
        let part = match (next(), next(), next()) {
            (None, ..) => None,
            (Some(target), Some(cursor), None) => {
                let cursor: Cursor = cursor.parse().map_err(|_| InvalidToken)?;
                Some(Part { target: snapshot(target)?, behind: cursor.place })
            }
            _ => return Err(InvalidToken),
        };
        Ok(Self { at, seen, part })
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use trunkline_record::StreamId;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let behind = Place {
            log_time: DateTime::from_timestamp(1_000, 5_000).unwrap(),
            stream: StreamId([7; 16]),
            position: 9,
        };
        for part in [None, Some(Part { target: "3:9:4".parse().unwrap(), behind })] {
            let token = Token { at: 1_795_305_600, seen: "1:7:1,5".parse().unwrap(), part };
            assert_eq!(token.to_string().parse(), Ok(token));
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[0-9a-f:,.]{0,60}|\\PC{0,20}") {
            let _ = text.parse::<Token>();
        }
    }
}
