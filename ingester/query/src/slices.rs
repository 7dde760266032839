//! Slices of time that are asked one after the other, from the end where the wanted rows are.
//!
//! A hypertable's rows lie in hypertable chunks, each a range of time. A statement over all of them costs planning for each, and
//! waits for each where the server sorts; what is asked for mostly lies in the first. So the first slice is one hypertable chunk,
//! and each further one as many as the rows found up to then let expect to be needed: a rare word in a year of logs costs a few
//! statements, and hardly a hypertable chunk more than its rows lie in.
//!
//! Slices are made of boundaries and have no gap between them, and none before the first or behind the last: wherever the
//! boundaries come from, and however old they are, no row is left out.

use chrono::{DateTime, TimeDelta, Utc};

use crate::Order;

/// A range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Rows from this moment on.
    pub from: Option<DateTime<Utc>>,
    /// Rows before this moment.
    pub to: Option<DateTime<Utc>>,
}

impl Slice {
    /// Whether there are moments in both.
    pub fn overlaps(self, other: Self) -> bool {
        let begins_before_end =
            |one: Self, other: Self| one.from.zip(other.to).is_none_or(|(from, to)| from < to);
        begins_before_end(self, other) && begins_before_end(other, self)
    }
}

/// How many times as many hypertable chunks as were asked are asked at most in the next slice: nothing found says little.
const GROWTH: usize = 4;

/// What is left of a range of time.
#[derive(Debug, Clone)]
pub struct Slices {
    rest: Option<Slice>,
    order: Order,
    /// The next one last.
    boundaries: Vec<DateTime<Utc>>,
    /// Hypertable chunks that were asked.
    asked: usize,
}

impl Slices {
    /// Of `whole`. `boundaries` are where hypertable chunks begin, or, for the oldest first, where they end.
    pub fn new(whole: Slice, order: Order, mut boundaries: Vec<DateTime<Utc>>) -> Self {
        let is_inside = |moment: &DateTime<Utc>| {
            whole.from.is_none_or(|from| from < *moment) && whole.to.is_none_or(|to| *moment < to)
        };
        boundaries.retain(is_inside);
        boundaries.sort_unstable();
        boundaries.dedup();
        if order == Order::Asc {
            boundaries.reverse();
        }
        Self { rest: Some(whole), order, boundaries, asked: 0 }
    }

    /// How many hypertable chunks to ask next. `found` is how many rows those asked up to now had and when the first of these was
    /// written, and so many are missing; without a number, all are wanted.
    pub fn worth(&self, found: Option<(u32, DateTime<Utc>)>, missing: Option<u32>) -> usize {
        let most = match missing {
            Some(_) => self.asked.saturating_mul(GROWTH),
            None => self.asked + 1,
        };
        let needed = found.zip(missing).and_then(|((found, first), missing)| {
            // Not by the number of hypertable chunks: the newest was made ahead of time, or has little yet.
            let edge = self.edge()?;
            let span = (edge - first).abs().num_milliseconds().checked_mul(missing.into())?;
            let span = TimeDelta::try_milliseconds(span / i64::from(found.max(1)))?;
            let is_within = |boundary: &&DateTime<Utc>| (edge - **boundary).abs() < span;
            Some(self.boundaries.iter().rev().take_while(is_within).count() + 1)
        });
        needed.unwrap_or(most).min(most).clamp(1, self.boundaries.len() + 1)
    }

    /// Hypertable chunks that were asked.
    pub fn asked(&self) -> usize {
        self.asked
    }

    /// Where what was asked ends.
    fn edge(&self) -> Option<DateTime<Utc>> {
        let rest = self.rest?;
        match self.order {
            Order::Desc => rest.to,
            Order::Asc => rest.from,
        }
    }

    /// A slice of so many hypertable chunks, or of those that are left; `None` when none are.
    pub fn take(&mut self, chunks: usize) -> Option<Slice> {
        let rest = self.rest.take()?;
        self.asked += chunks;
        let at = self.boundaries.len().checked_sub(chunks.max(1));
        let Some(boundary) = at.and_then(|at| self.boundaries.drain(at..).next()) else {
            return Some(rest);
        };
        let (slice, others) = match self.order {
            Order::Desc => {
                (Slice { from: Some(boundary), ..rest }, Slice { to: Some(boundary), ..rest })
            }
            Order::Asc => {
                (Slice { to: Some(boundary), ..rest }, Slice { from: Some(boundary), ..rest })
            }
        };
        self.rest = Some(others);
        Some(slice)
    }

    /// The first so many hypertable chunks of what is left, which stay there.
    pub fn peek(&self, chunks: usize) -> Option<Slice> {
        self.clone().take(chunks)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_that_touch_do_not_overlap() {
        let range = |from: Option<i64>, to: Option<i64>| {
            let moment = |second| DateTime::from_timestamp(second, 0).unwrap();
            Slice { from: from.map(moment), to: to.map(moment) }
        };
        let one = range(Some(10), Some(20));
        for (other, overlaps) in [
            (one, true),
            (range(Some(19), Some(30)), true),
            (range(Some(12), Some(13)), true),
            (range(None, None), true),
            (range(Some(20), None), false),
            (range(None, Some(10)), false),
        ] {
            assert_eq!(
                (one.overlaps(other), other.overlaps(one)),
                (overlaps, overlaps),
                "{other:?}"
            );
        }
    }

    fn moment(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    /// Where slices begin if there are so many rows in ten seconds, a hypertable chunk's length, up to the 312th.
    fn check(rows_in_ten: i64, missing: Option<u32>, expected: &[Option<i64>]) {
        let whole = Slice { from: None, to: None };
        let boundaries = (0..=33).map(|ten| moment(ten * 10)).collect();
        let mut slices = Slices::new(whole, Order::Desc, boundaries);
        let (mut begins, mut found) = (Vec::new(), 0);
        loop {
            let left = missing.map(|missing| missing.saturating_sub(found));
            let rows = (found > 0).then_some((found, moment(312)));
            let chunks = slices.worth(rows, left);
            let Some(slice) = slices.take(chunks).filter(|_| left != Some(0)) else { break };
            let begin = slice.from.map(|from| from.timestamp());
            begins.push(begin);
            found = u32::try_from((312 - begin.unwrap_or(0)).max(0) * rows_in_ten / 10).unwrap();
        }
        assert_eq!(begins, expected);
    }

    #[test]
    fn an_absent_word_is_looked_for_in_few_statements() {
        check(0, Some(100), &[Some(330), Some(290), Some(90), None]);
    }

    #[test]
    fn of_a_rare_word_hardly_more_is_asked_than_has_its_rows() {
        // A hundred are in twenty hypertable chunks.
        check(5, Some(100), &[Some(330), Some(290), Some(110)]);
        check(60, Some(100), &[Some(330), Some(290)]);
    }

    #[test]
    fn where_all_rows_are_wanted_slices_double() {
        check(7, None, &[Some(330), Some(310), Some(270), Some(190), Some(30), None]);
    }

    #[test]
    fn a_hypertable_chunk_that_has_little_yet_misleads_nobody() {
        let mut slices = Slices::new(
            Slice { from: None, to: None },
            Order::Desc,
            (0..10).map(|ten| moment(ten * 10)).collect(),
        );
        slices.take(1);
        assert_eq!(slices.worth(Some((30, moment(91))), Some(70)), 1);
        assert_eq!(slices.worth(Some((30, moment(99))), Some(70)), 3);
        assert_eq!(slices.worth(None, Some(100)), 4);
    }

    proptest! {
        #[test]
        fn every_moment_is_in_one_of_them_and_in_order(
            boundaries in prop::collection::vec(0_i64..100, 0..40),
            from in prop::option::of(-10_i64..60), to in prop::option::of(50_i64..110), ascending: bool,
            found in prop::collection::vec(
                (prop::option::of((0_u32..200, (-20_i64..120).prop_map(moment))), prop::option::of(0_u32..200)), 1..20,
            ),
        ) {
            let order = if ascending { Order::Asc } else { Order::Desc };
            let whole = Slice { from: from.map(moment), to: to.map(moment).max(from.map(moment)) };
            let whole = if to.is_none() { Slice { to: None, ..whole } } else { whole };
            let mut left = Slices::new(whole, order, boundaries.into_iter().map(moment).collect());
            let mut found = found.into_iter().cycle();
            let mut slices = Vec::new();
            while let Some((found, missing)) = found.next()
                && let Some(slice) = left.take(left.worth(found, missing))
            {
                slices.push(slice);
            }
            let holds = |slice: &Slice, second: i64| {
                slice.from.is_none_or(|from| from <= moment(second))
                    && slice.to.is_none_or(|to| moment(second) < to)
            };
            let mut last = None;
            let mut seconds: Vec<i64> = (-20..120).collect();
            if order == Order::Desc {
                seconds.reverse();
            }
            for second in seconds {
                let found: Vec<_> =
                    (0..slices.len()).filter(|&at| holds(&slices[at], second)).collect();
                prop_assert_eq!(found.len(), usize::from(holds(&whole, second)));
                if let Some(&at) = found.first() {
                    prop_assert!(last <= Some(at));
                    last = Some(at);
                }
            }
        }
    }
}
