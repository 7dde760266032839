//! Pauses between attempts to connect: doubling, capped, and spread, so that a thousand collectors
//! don't knock at the same moment.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);

/// The state of the retries.
#[derive(Debug)]
pub struct Backoff {
    attempts: u32,
    most: Duration,
}

impl Backoff {
    /// Pauses of at most `most`.
    pub fn new(most: Duration) -> Self {
        Self { attempts: 0, most }
    }

    /// The next pause; `chance` is a random number in `0.0..1.0`. The pause lies between half of the
    /// doubled time and all of it.
    pub fn next(&mut self, chance: f64) -> Duration {
        let doubled = FIRST.saturating_mul(1 << self.attempts.min(20)).min(self.most);
        self.attempts = self.attempts.saturating_add(1);
        doubled.mul_f64(0.5 + chance / 2.0)
    }

    /// The other side works: begin anew.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap_and_spread_over_half_of_it() {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        let pauses: Vec<u128> = (0..6).map(|_| backoff.next(0.999_999).as_millis()).collect();
        assert_eq!(pauses, [99, 199, 399, 799, 999, 999]);
        assert_eq!(backoff.next(0.0).as_millis(), 500);
        backoff.reset();
        assert_eq!(backoff.next(0.0).as_millis(), 50);
    }

    #[test]
    fn no_number_of_attempts_overflows() {
        let mut backoff = Backoff { attempts: u32::MAX, most: Duration::from_secs(10) };
        assert_eq!(backoff.next(0.0), Duration::from_secs(5));
    }
}
