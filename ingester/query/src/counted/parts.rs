//! A range of time, taken apart into whole days, hours and minutes, whose rows are counted, and what is left of it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::Slice;

/// A time that rows are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    Day,
    Hour,
    Minute,
}

impl Span {
    const ALL: [Self; 3] = [Self::Day, Self::Hour, Self::Minute];

    pub(crate) const fn seconds(self) -> i64 {
        match self {
            Self::Day => 86_400,
            Self::Hour => 3_600,
            Self::Minute => 60,
        }
    }

    /// The table with its counts.
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::Day => "log.count_day",
            Self::Hour => "log.count_hour",
            Self::Minute => "log.count_minute",
        }
    }

    /// The longest of which a number is as long as this.
    pub(crate) fn longest_within(step: TimeDelta) -> Option<Self> {
        Self::ALL.into_iter().find(|span| step.num_seconds() % span.seconds() == 0)
    }

    /// The last moment up to this one at which one begins, in UTC.
    pub(crate) fn begin(self, moment: DateTime<Utc>) -> DateTime<Utc> {
        let second = moment.timestamp().div_euclid(self.seconds()) * self.seconds();
        DateTime::from_timestamp(second, 0).unwrap_or(moment)
    }

    /// The first from this moment on.
    fn next_begin(self, moment: DateTime<Utc>) -> DateTime<Utc> {
        let begin = self.begin(moment);
        if begin == moment { begin } else { begin + TimeDelta::seconds(self.seconds()) }
    }
}

/// How the rows of a range are found out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Parts {
    /// By these counts, each of a range that is made of whole spans.
    pub counts: Vec<(Span, Slice)>,
    /// By looking at the rows.
    pub rows: Vec<Slice>,
}

/// How long values are counted by minute. The store keeps them for a day longer, so clocks may differ.
const VALUES_BY_MINUTE: TimeDelta = TimeDelta::hours(48);

impl Parts {
    /// `longest` is the longest span that may be used; without one there are only rows. Where `values` are counted, those by
    /// minute are there for some time before `now`.
    pub(crate) fn of(
        whole: Slice,
        longest: Option<Span>,
        values: bool,
        now: DateTime<Utc>,
    ) -> Self {
        let mut parts = Self::default();
        let at = longest.and_then(|longest| Span::ALL.iter().position(|span| *span == longest));
        let spans = &Span::ALL[at.unwrap_or(Span::ALL.len())..];
        if !values {
            parts.cover(whole, spans);
            return parts;
        }
        let (by_hour, minutes) = match spans.split_last() {
            Some((Span::Minute, longer)) => (longer, spans),
            _ => (spans, spans),
        };
        let since = Span::Hour.begin(now - VALUES_BY_MINUTE);
        let earlier = Slice { to: Some(whole.to.map_or(since, |to| to.min(since))), ..whole };
        let later = Slice { from: Some(whole.from.map_or(since, |from| from.max(since))), ..whole };
        parts.cover(earlier, by_hour);
        parts.cover(later, minutes);
        parts
    }

    fn cover(&mut self, slice: Slice, spans: &[Span]) {
        if is_empty(slice) {
            return;
        }
        let Some((span, shorter)) = spans.split_first() else { return self.rows.push(slice) };
        let within = Slice {
            from: slice.from.map(|from| span.next_begin(from)),
            to: slice.to.map(|to| span.begin(to)),
        };
        if is_empty(within) {
            return self.cover(slice, shorter);
        }
        self.counts.push((*span, within));
        if within.from.is_some() {
            self.cover(Slice { to: within.from, ..slice }, shorter);
        }
        if within.to.is_some() {
            self.cover(Slice { from: within.to, ..slice }, shorter);
        }
    }

    /// All that is counted: there is no gap in it.
    pub(crate) fn counted(&self) -> Option<Slice> {
        let mut all = self.counts.iter().map(|(_, slice)| *slice);
        let first = all.next()?;
        Some(all.fold(first, |whole, slice| Slice {
            from: whole.from.zip(slice.from).map(|(one, other)| one.min(other)),
            to: whole.to.zip(slice.to).map(|(one, other)| one.max(other)),
        }))
    }
}

fn is_empty(slice: Slice) -> bool {
    slice.from.zip(slice.to).is_some_and(|(from, to)| from >= to)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 20_000 * 86_400 + 12_345;

    fn moment(micros: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(NOW * 1_000_000 + micros).unwrap()
    }

    fn holds(slice: &Slice, moment: DateTime<Utc>) -> bool {
        slice.from.is_none_or(|from| from <= moment) && slice.to.is_none_or(|to| moment < to)
    }

    /// Ends of ranges: anywhere within days, and where spans begin.
    fn end() -> impl Strategy<Value = i64> {
        let anywhere = -6 * 86_400_000_000..86_400_000_000_i64;
        (
            anywhere,
            prop::sample::select(vec![1, 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000_i64]),
        )
            .prop_map(|(at, span)| (NOW * 1_000_000 + at) / span * span - NOW * 1_000_000)
    }

    proptest! {
        #[test]
        fn every_moment_is_in_one_part_and_counts_are_of_whole_spans(
            from in prop::option::of(end()), to in prop::option::of(end()), longest in 0..4_usize, values: bool,
            inside in prop::collection::vec(end(), 20),
        ) {
            let whole = Slice { from: from.map(moment), to: to.map(moment) };
            let longest = Span::ALL.get(longest).copied();
            let parts = Parts::of(whole, longest, values, moment(0));
            let ends = [from, to].into_iter().flatten();
            let near = ends.flat_map(|at| [at - 1, at, at + 1]);
            for at in inside.into_iter().chain(near) {
                let of_counts = parts.counts.iter().filter(|(_, slice)| holds(slice, moment(at))).count();
                let of_rows = parts.rows.iter().filter(|slice| holds(slice, moment(at))).count();
                prop_assert_eq!(of_counts + of_rows, usize::from(holds(&whole, moment(at))));
                let is_counted = parts.counted().is_some_and(|slice| holds(&slice, moment(at)));
                prop_assert_eq!(of_counts == 1, is_counted);
            }
            for (span, slice) in &parts.counts {
                prop_assert!(longest.unwrap().seconds() >= span.seconds());
                for end in [slice.from, slice.to].into_iter().flatten() {
                    prop_assert_eq!(end.timestamp_micros() % (span.seconds() * 1_000_000), 0);
                }
                let is_old = slice.from.is_none_or(|from| from < moment(-49 * 3_600_000_000));
                prop_assert!(!(values && is_old && *span == Span::Minute));
            }
            // Less than the shortest span at each end, where it isn't too long ago for it.
            if longest.is_some() && !values {
                for slice in &parts.rows {
                    prop_assert!(slice.to.unwrap() - slice.from.unwrap() < TimeDelta::seconds(120));
                }
                prop_assert!(parts.rows.len() <= 2);
            }
        }
    }

    #[test]
    fn everything_is_read_by_day() {
        let whole = Slice { from: None, to: None };
        let parts = Parts::of(whole, Some(Span::Day), false, moment(0));
        assert_eq!(parts, Parts { counts: vec![(Span::Day, whole)], rows: Vec::new() });
    }

    #[test]
    fn a_step_is_made_of_the_longest_spans_that_fit() {
        for (seconds, span) in [
            (30, None),
            (90, None),
            (60, Some(Span::Minute)),
            (7_200, Some(Span::Hour)),
            (604_800, Some(Span::Day)),
        ] {
            assert_eq!(Span::longest_within(TimeDelta::seconds(seconds)), span);
        }
    }
}
