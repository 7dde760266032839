//! Slices of time that are asked one after the other, from the end where the wanted rows are.
//!
//! A hypertable's rows lie in hypertable chunks, each a range of time. A statement over all of them costs planning for each, and
//! waits for each where the server sorts; what is asked for mostly lies in the first. So the first slice is one hypertable chunk,
//! and each further one takes twice as many: a rare word in a year of logs costs a few statements.
//!
//! Slices are made of boundaries and have no gap between them, and none before the first or behind the last: wherever the
//! boundaries come from, and however old they are, no row is left out.

use chrono::{DateTime, Utc};

use crate::Order;

/// A range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Rows from this moment on.
    pub from: Option<DateTime<Utc>>,
    /// Rows before this moment.
    pub to: Option<DateTime<Utc>>,
}

/// The slices of `whole` in the order in which they are to be asked. `boundaries` are where
/// hypertable chunks begin, or, for the oldest first, where they end.
pub fn slices(whole: Slice, order: Order, mut boundaries: Vec<DateTime<Utc>>) -> Vec<Slice> {
    let is_inside = |moment: &DateTime<Utc>| {
        whole.from.is_none_or(|from| from < *moment) && whole.to.is_none_or(|to| *moment < to)
    };
    boundaries.retain(is_inside);
    boundaries.sort_unstable();
    boundaries.dedup();
    if order == Order::Desc {
        boundaries.reverse();
    }
    let (mut slices, mut rest) = (Vec::new(), whole);
    let mut next = boundaries.into_iter();
    let mut chunks = 1;
    while let Some(boundary) = next.nth(chunks - 1) {
        let (slice, others) = match order {
            Order::Desc => {
                (Slice { from: Some(boundary), ..rest }, Slice { to: Some(boundary), ..rest })
            }
            Order::Asc => {
                (Slice { to: Some(boundary), ..rest }, Slice { from: Some(boundary), ..rest })
            }
        };
        slices.push(slice);
        rest = others;
        chunks *= 2;
    }
    slices.push(rest);
    slices
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moment(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn they_begin_where_the_rows_are_and_grow() {
        let whole = Slice { from: None, to: Some(moment(95)) };
        let boundaries = (0..=20).map(|ten| moment(ten * 10)).collect();
        let found: Vec<_> = slices(whole, Order::Desc, boundaries)
            .iter()
            .map(|slice| slice.from.map(|from| from.timestamp()))
            .collect();
        assert_eq!(found, [Some(90), Some(70), Some(30), None]);
    }

    proptest! {
        #[test]
        fn every_moment_is_in_one_of_them_and_in_order(
            boundaries in prop::collection::vec(0_i64..100, 0..40),
            from in prop::option::of(-10_i64..60), to in prop::option::of(50_i64..110), ascending: bool,
        ) {
            let order = if ascending { Order::Asc } else { Order::Desc };
            let whole = Slice { from: from.map(moment), to: to.map(moment).max(from.map(moment)) };
            let whole = if to.is_none() { Slice { to: None, ..whole } } else { whole };
            let slices = slices(whole, order, boundaries.into_iter().map(moment).collect());
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
