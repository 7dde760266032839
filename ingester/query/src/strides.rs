//! A range of time in strides from its newest end, each as long as the last ones suggest.
//!
//! What has to be looked at row by row is looked at stride by stride, so that there is something to show early, and most of it is what is
//! asked about most. A stride doesn't reach over the boundary of a hypertable chunk, or it ends at one.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::Slice;

/// What is left of a range of time.
#[derive(Debug, Clone)]
pub struct Strides {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    end: DateTime<Utc>,
    length: TimeDelta,
    /// The greatest last.
    boundaries: Vec<DateTime<Utc>>,
    /// Whether no stride but the first is a part of a hypertable chunk.
    whole: bool,
}

/// A first stride is this part of the range.
const FIRST: i32 = 1_024;
/// Strides that took less than the first are followed by one four times as long, than the second twice as long; more than the third, half as long.
const TOOK: [Duration; 3] =
    [Duration::from_millis(40), Duration::from_millis(150), Duration::from_millis(500)];

impl Strides {
    /// From `from` to before `to`. `boundaries` are where hypertable chunks begin. `whole` says that a part of one may take as long as all
    /// of it, as where an index gathers what it has of a text: then only the first stride is one.
    pub fn new(
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        mut boundaries: Vec<DateTime<Utc>>,
        whole: bool,
    ) -> Self {
        boundaries.retain(|boundary| from < *boundary && *boundary < to);
        boundaries.sort_unstable();
        boundaries.dedup();
        let length = ((to - from) / FIRST).max(TimeDelta::seconds(1));
        Self { from, to, end: to, length, boundaries, whole }
    }

    /// The next stride; `took` is what the one before it took.
    pub fn next(&mut self, took: Option<Duration>) -> Option<Slice> {
        if self.end <= self.from {
            return None;
        }
        let [little, some, much] = TOOK;
        let factor = match took {
            None => 1,
            Some(took) if took < little => 4,
            Some(took) if took < some => 2,
            Some(_) => 1,
        };
        self.length = self.length.checked_mul(factor).unwrap_or(self.length);
        if took.is_some_and(|took| took > much) {
            self.length = (self.length / 2).max(TimeDelta::seconds(1));
        }
        let wanted = self.end.checked_sub_signed(self.length).unwrap_or(self.from).max(self.from);
        while self.boundaries.pop_if(|boundary| *boundary >= self.end).is_some() {}
        let wanted = match self.boundaries.last() {
            Some(boundary) if self.whole && self.end < self.to => wanted.min(*boundary),
            None if self.whole && self.end < self.to => self.from,
            _ => wanted,
        };
        // The one that is the furthest away and can be reached.
        let at = self.boundaries.partition_point(|boundary| *boundary < wanted);
        let begin = self.boundaries.get(at).copied().unwrap_or(wanted);
        let slice = Slice { from: Some(begin), to: Some(self.end) };
        self.end = begin;
        Some(slice)
    }

    /// How much of the range is behind, from 0 to 1.
    #[allow(clippy::cast_precision_loss)]
    pub fn progress(&self) -> f64 {
        let whole = (self.to - self.from).num_milliseconds().max(1) as f64;
        let left = (self.end - self.from).num_milliseconds() as f64;
        (1.0 - left / whole).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moment(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    proptest! {
        #[test]
        fn strides_follow_one_another_to_the_end(
            length in 0..1_000_000_i64, boundaries in prop::collection::vec(-10..1_000_000_i64, 0..20),
            took in prop::collection::vec(0..700_u64, 1..40), whole: bool,
        ) {
            let boundaries: Vec<_> = boundaries.into_iter().map(moment).collect();
            let mut strides = Strides::new(moment(0), moment(length), boundaries.clone(), whole);
            let (mut end, mut last, mut progress) = (moment(length), None, 0.0);
            let mut took = took.into_iter().cycle();
            while let Some(slice) = strides.next(last) {
                let (from, to) = (slice.from.unwrap(), slice.to.unwrap());
                prop_assert!(from < to && to == end && strides.progress() >= progress);
                let crossed = boundaries.iter().any(|boundary| from < *boundary && *boundary < to);
                prop_assert!(!crossed || boundaries.contains(&from));
                let is_first = to == moment(length);
                prop_assert!(!whole || is_first || from == moment(0) || boundaries.contains(&from));
                (end, progress) = (from, strides.progress());
                last = took.next().map(Duration::from_millis);
            }
            prop_assert_eq!(end, moment(0));
            prop_assert!(length == 0 || progress == 1.0);
        }
    }

    #[test]
    fn what_takes_no_time_is_soon_done() {
        let mut strides = Strides::new(moment(0), moment(30 * 86_400), Vec::new(), false);
        let mut count = 0;
        while strides.next(Some(Duration::ZERO)).is_some() {
            count += 1;
        }
        assert!(count <= 6, "{count}");
    }
}
