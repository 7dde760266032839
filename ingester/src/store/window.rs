//! The times that are taken for true: a clock that is years off would make a hypertable chunk for each of its days. What lies outside
//! goes to `log.rejected`, whole, and `log.admit_rejected` stores it as the row that it would have been.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// How far from the present a `log_time` may be.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    past: Duration,
    future: Duration,
}

/// The times themselves, at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

impl Window {
    /// So long before and after the present.
    pub fn new(past: Duration, future: Duration) -> Self {
        Self { past, future }
    }

    pub(super) fn at(&self, now: DateTime<Utc>) -> Bounds {
        let delta = |time| TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX);
        Bounds {
            from: now.checked_sub_signed(delta(self.past)).unwrap_or(DateTime::<Utc>::MIN_UTC),
            to: now.checked_add_signed(delta(self.future)).unwrap_or(DateTime::<Utc>::MAX_UTC),
        }
    }
}

impl Bounds {
    /// Microseconds since 1970.
    #[inline]
    pub(super) fn contains(&self, micros: i64) -> bool {
        (self.from.timestamp_micros()..=self.to.timestamp_micros()).contains(&micros)
    }

    /// Why a record outside isn't stored. `log.admit_rejected` knows it by its beginning.
    pub(super) fn reason(&self) -> String {
        let day = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M UTC").to_string();
        format!("log_time is outside the window from {} to {}", day(self.from), day(self.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn its_ends_are_inside_and_what_is_beyond_them_is_not() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let bounds = Window::new(2 * DAY, DAY).at(now);
        let at = |days: i64, micros: i64| (now + TimeDelta::days(days)).timestamp_micros() + micros;
        for (micros, expected) in [
            (at(-2, 0), true),
            (at(-2, -1), false),
            (at(1, 0), true),
            (at(1, 1), false),
            (at(0, 0), true),
        ] {
            assert_eq!(bounds.contains(micros), expected, "{micros}");
        }
    }

    #[test]
    fn one_without_end_takes_every_time() {
        let bounds = Window::new(Duration::MAX, Duration::MAX).at(Utc::now());
        assert!(bounds.contains(0) && bounds.contains(i64::from(u32::MAX) * 1_000_000));
    }
}
