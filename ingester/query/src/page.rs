//! Which part of the rows is asked for, and in which order.

use crate::{Cursor, Direction, FilterError, InvalidCursor, Parameters, Place};

/// Rows of a page when nothing else is asked for.
pub const DEFAULT_LIMIT: u32 = 100;
/// Rows of the largest page.
pub const MAX_LIMIT: u32 = 10_000;

/// The order of rows, by `(log_time, stream, position)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Newest first.
    #[default]
    Desc,
    /// Oldest first.
    Asc,
}

impl Order {
    /// The other one.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Desc => Self::Asc,
            Self::Asc => Self::Desc,
        }
    }
}

/// A part of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The order in which they come.
    pub order: Order,
    /// Rows at most; without one, all that there are.
    pub limit: Option<u32>,
    /// Where the page begins, or ends.
    pub cursor: Option<Cursor>,
}

impl Page {
    /// Reads `order`, `limit` and `cursor`. A page has a largest size; a `stream` of rows hasn't, and may be of `all`.
    pub fn read(parameters: &mut Parameters<'_>, stream: bool) -> Result<Self, FilterError> {
        let order = parameters.read("order", |value| match value {
            "desc" => Ok(Order::Desc),
            "asc" => Ok(Order::Asc),
            _ => Err("is neither desc (newest first) nor asc".to_owned()),
        })?;
        let limit = parameters.read("limit", |value| match value {
            "all" if stream => Ok(None),
            "all" => Err(format!("is at most {MAX_LIMIT} in JSON; NDJSON and CSV have all")),
            value => number(value, if stream { u32::MAX - 1 } else { MAX_LIMIT }).map(Some),
        })?;
        let cursor = parameters.read("cursor", |value| {
            let cursor: Cursor =
                value.parse().map_err(|error: InvalidCursor| format!("is {error}"))?;
            match cursor.direction {
                Direction::Previous if stream => {
                    Err("leads to the page before, which only JSON has".to_owned())
                }
                _ => Ok(cursor),
            }
        })?;
        Ok(Self {
            order: order.unwrap_or_default(),
            limit: limit.unwrap_or(Some(DEFAULT_LIMIT)),
            cursor,
        })
    }

    /// The order in which the rows have to be asked for: those of the page before are found from the cursor backwards.
    pub fn order_of_search(&self) -> Order {
        match self.cursor {
            Some(Cursor { direction: Direction::Previous, .. }) => self.order.reversed(),
            _ => self.order,
        }
    }

    /// Rows behind this place, in the order of the search.
    pub fn place(&self) -> Option<Place> {
        self.cursor.map(|cursor| cursor.place)
    }
}

fn number(value: &str, most: u32) -> Result<u32, String> {
    value
        .parse()
        .ok()
        .filter(|limit| (1..=most).contains(limit))
        .ok_or_else(|| format!("is no number from 1 to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str, stream: bool) -> Result<Page, FilterError> {
        Page::read(&mut Parameters::new([(name, value)])?, stream)
    }

    #[test]
    fn what_makes_no_page_is_refused() {
        for (name, value) in
            [("limit", "0"), ("limit", "10001"), ("limit", "all"), ("cursor", "x"), ("order", "up")]
        {
            assert_eq!(read(name, value, false).unwrap_err().parameter, name);
        }
    }

    #[test]
    fn a_stream_has_no_end_of_its_own() {
        assert_eq!(read("limit", "all", true).unwrap().limit, None);
        assert_eq!(read("limit", "5000000", true).unwrap().limit, Some(5_000_000));
        assert_eq!(read("order", "asc", true).unwrap().limit, Some(DEFAULT_LIMIT));
    }
}
