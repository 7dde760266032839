//! What is stored of a stream beyond the position below which all of it is: ranges, of forward chunks whose sender keeps no order. Pure.
//!
//! Such a sender (Fluent Bit, which tries again when it likes, from several threads, and gives up) claims each range by itself. A hole
//! between two ranges is on its way, or was lost by the sender: it stays open, and what fills it is stored, whenever it comes.

use std::fmt::Write as _;

/// Ranges that a stream may have: a bound for its row. A sender that tries a gigabyte of forward chunks again in any order leaves some hundreds;
/// what leaves more is a filter that takes records out at the seams of forward chunks, and its oldest hole is given up.
const MOST: usize = 4_096;

/// Ranges `[from, to)`, ascending, that neither touch nor overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ahead(Vec<(u64, u64)>);

impl Ahead {
    /// Reads an `int8multirange` as PostgreSQL writes it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let inner = text.strip_prefix('{')?.strip_suffix('}')?;
        let mut ranges = Vec::new();
        for range in inner.split_terminator(')') {
            let range = range.strip_prefix(',').unwrap_or(range).strip_prefix('[')?;
            let (from, to) = range.split_once(',')?;
            ranges.push((from.parse().ok()?, to.parse().ok()?));
        }
        Some(Self(ranges))
    }

    /// The same, to be written; `None` when there is nothing.
    pub(super) fn to_text(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let mut text = String::from("{");
        for (at, (from, to)) in self.0.iter().enumerate() {
            // Writing to a string doesn't fail.
            let _ = write!(text, "{}[{from},{to})", if at == 0 { "" } else { "," });
        }
        text.push('}');
        Some(text)
    }

    /// Those that have something of `[from, to)`.
    pub(super) fn within(&self, from: u64, to: u64) -> Self {
        let first = self.0.partition_point(|(_, end)| *end <= from);
        let behind = self.0.partition_point(|(begin, _)| *begin < to);
        Self(self.0.get(first..behind).unwrap_or_default().to_vec())
    }

    /// Whether one of them has all of `[from, to)`.
    pub(super) fn covers(&self, from: u64, to: u64) -> bool {
        self.0.iter().any(|(begin, end)| *begin <= from && to <= *end)
    }

    /// Whether one of them has this position.
    pub(super) fn has(&self, position: u64) -> bool {
        let at = self.0.partition_point(|(_, end)| *end <= position);
        self.0.get(at).is_some_and(|(begin, _)| *begin <= position)
    }

    /// Adds `[from, to)`.
    pub(super) fn insert(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        let first = self.0.partition_point(|(_, end)| *end < from);
        let behind = self.0.partition_point(|(begin, _)| *begin <= to);
        let joined = self.0.get(first..behind).unwrap_or_default();
        let begin = joined.first().map_or(from, |(begin, _)| from.min(*begin));
        let end = joined.last().map_or(to, |(_, end)| to.max(*end));
        self.0.splice(first..behind, [(begin, end)]);
    }

    /// Everything below `position` is stored: takes out what that reaches, and answers how far it reaches then.
    pub(super) fn reach(&mut self, mut position: u64) -> u64 {
        let reached = self.0.iter().take_while(|(begin, end)| {
            let reached = *begin <= position;
            if reached {
                position = position.max(*end);
            }
            reached
        });
        let reached = reached.count();
        self.0.drain(..reached);
        position
    }

    /// Where there are too many, the end of the first, whose hole before it is given up.
    pub(super) fn too_many(&self) -> Option<(u64, u64)> {
        self.0.first().copied().filter(|_| self.0.len() > MOST)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn is_read_and_written_as_the_database_does() {
        for text in ["{}", "{[1,5)}", "{[1,5),[7,9)}"] {
            let ahead = Ahead::parse(text).unwrap();
            assert_eq!(ahead.to_text().as_deref().unwrap_or("{}"), text);
        }
        for wrong in ["", "{", "{[1,5]}", "{(,5)}", "{[1,5),}x", "{[1;5)}"] {
            assert_eq!(Ahead::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_oldest_hole_is_given_up_when_there_are_too_many() {
        let mut ahead = Ahead::default();
        for at in 0..MOST as u64 {
            ahead.insert(10 * at + 5, 10 * at + 6);
        }
        assert_eq!(ahead.too_many(), None);
        ahead.insert(1 << 40, (1 << 40) + 1);
        assert_eq!(ahead.too_many(), Some((5, 6)));
    }

    proptest! {
        /// Against a set of positions.
        #[test]
        fn holds_what_was_inserted_and_nothing_else(
            ranges in prop::collection::vec((0..60_u64, 0..12_u64), 0..20),
            position in 0..70_u64,
            (from, len) in (0..60_u64, 1..12_u64),
        ) {
            let (mut ahead, mut model) = (Ahead::default(), BTreeSet::new());
            for (from, len) in ranges {
                ahead.insert(from, from + len);
                model.extend(from..from + len);
            }
            prop_assert!(ahead.0.windows(2).all(|pair| pair[0].1 < pair[1].0), "{:?}", ahead);
            let held = |ahead: &Ahead| (0..100).filter(|at| ahead.has(*at)).collect::<BTreeSet<_>>();
            prop_assert_eq!(&held(&ahead), &model);
            prop_assert_eq!(Ahead::parse(&ahead.to_text().unwrap_or("{}".into())), Some(ahead.clone()));
            let all = (from..from + len).all(|at| model.contains(&at));
            prop_assert_eq!(ahead.covers(from, from + len), all);
            let within = ahead.within(from, from + len);
            prop_assert!((from..from + len).all(|at| within.has(at) == model.contains(&at)));
            let reached = ahead.reach(position);
            let expected = (position..).find(|at| !model.contains(at)).unwrap();
            prop_assert_eq!(reached, expected);
            model.retain(|at| *at >= reached);
            prop_assert_eq!(held(&ahead), model);
        }
    }
}
