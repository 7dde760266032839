//! Which transactions have been seen: PostgreSQL's snapshot, kept by us. Pure.
//!
//! Transactions commit in another order than they begin, so no single number says what was seen. A snapshot does: everything below
//! [`next`](Snapshot::next) but for what was running. What one snapshot sees and an earlier one doesn't was committed in between.

use std::fmt;
use std::str::FromStr;

/// A set of transactions, as `pg_snapshot` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// Nothing from here on is seen.
    next: u64,
    /// Nor these below it, ascending.
    running: Vec<u64>,
}

/// Transactions that may be running: more than any server has, and few enough for a token.
const MOST_RUNNING: usize = 5_000;

/// Text that isn't a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no snapshot")]
pub(super) struct InvalidSnapshot;

impl Snapshot {
    /// On a standby, which doesn't know which transactions run: all below this one.
    pub(super) fn below(next: u64) -> Self {
        Self { next, running: Vec::new() }
    }

    /// Nothing from here on is seen.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The oldest that isn't seen.
    pub(super) fn oldest(&self) -> u64 {
        self.running.first().copied().unwrap_or(self.next)
    }

    fn sees(&self, xid: u64) -> bool {
        xid < self.next && self.running.binary_search(&xid).is_err()
    }

    /// Those running, as PostgreSQL reads an array.
    pub(super) fn running(&self) -> String {
        format!("{{{}}}", list(&self.running))
    }

    /// What this one sees up to a transaction, and that one.
    pub(super) fn until(&self, xid: u64) -> Self {
        let next = self.next.min(xid.saturating_add(1));
        let running = self.running.iter().copied().filter(|running| *running < next);
        Self { next, running: running.collect() }
    }

    /// What either sees.
    pub(super) fn with(&self, other: &Self) -> Self {
        let (less, more) = if self.next < other.next { (self, other) } else { (other, self) };
        // What `less` doesn't see is seen by `more`, runs for `more`, or is too new for both.
        let running = more.running.iter().copied().filter(|xid| !less.sees(*xid));
        Self { next: more.next, running: running.collect() }
    }
}

fn list(xids: &[u64]) -> String {
    xids.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

/// As PostgreSQL writes it: `xmin:xmax:xip`.
impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.oldest(), self.next, list(&self.running))
    }
}

impl FromStr for Snapshot {
    type Err = InvalidSnapshot;

    fn from_str(text: &str) -> Result<Self, InvalidSnapshot> {
        // As its type in the database: 64 bits of which the first isn't used.
        let number = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse::<u64>().ok().filter(|number| *number <= u64::MAX >> 1);
            number.filter(|_| is_plain).ok_or(InvalidSnapshot)
        };
        let (oldest, rest) = text.split_once(':').ok_or(InvalidSnapshot)?;
        let (next, running) = rest.split_once(':').ok_or(InvalidSnapshot)?;
        let (oldest, next) = (number(oldest)?, number(next)?);
        let running = match running {
            "" => Vec::new(),
            running => running.split(',').map(number).collect::<Result<Vec<_>, _>>()?,
        };
        let ascends = running.windows(2).all(|pair| pair[0] < pair[1]);
        let fits = running.iter().all(|xid| *xid >= oldest && *xid < next);
        let is_sane = ascends && fits && oldest <= next && running.len() <= MOST_RUNNING;
        is_sane.then_some(Self { next, running }).ok_or(InvalidSnapshot)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const MOST: u64 = 40;

    fn snapshot() -> impl Strategy<Value = Snapshot> {
        (0..MOST, prop::collection::btree_set(0..MOST, 0..10)).prop_map(|(next, running)| {
            Snapshot { next, running: running.into_iter().filter(|xid| *xid < next).collect() }
        })
    }

    fn seen(snapshot: &Snapshot) -> BTreeSet<u64> {
        (0..MOST + 2).filter(|xid| snapshot.sees(*xid)).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(snapshot in snapshot()) {
            prop_assert_eq!(snapshot.to_string().parse::<Snapshot>(), Ok(snapshot));
        }

        #[test]
        fn nothing_makes_it_panic(text in "[0-9:,.]{0,40}|\\PC{0,20}") {
            let _ = text.parse::<Snapshot>();
        }

        #[test]
        fn either_is_the_union(one in snapshot(), other in snapshot()) {
            let union: BTreeSet<_> = seen(&one).union(&seen(&other)).copied().collect();
            prop_assert_eq!(seen(&one.with(&other)), union);
        }

        /// Going on to a later snapshot transaction by transaction, from any earlier one, shows each once.
        #[test]
        fn steps_show_each_transaction_once(one in snapshot(), other in snapshot(), steps in prop::collection::vec(0..MOST, 0..9)) {
            let target = one.with(&other);
            let mut reached = one.clone();
            let mut shown = Vec::new();
            let mut steps = steps;
            steps.sort_unstable();
            for xid in steps.into_iter().chain([MOST]) {
                let next = reached.with(&target.until(xid));
                shown.extend(seen(&next).difference(&seen(&reached)).copied());
                reached = next;
            }
            prop_assert_eq!(&reached, &target);
            let wanted: Vec<_> = seen(&target).difference(&seen(&one)).copied().collect();
            shown.sort_unstable();
            prop_assert_eq!(shown, wanted);
        }
    }

    #[test]
    fn what_no_server_writes_is_refused() {
        for text in [
            "",
            "1",
            "1:2",
            "2:1:",
            "1:5:5",
            "1:5:0",
            "1:5:3,2",
            "1:5:+3",
            "1:5:2,",
            "1:9223372036854775808:",
        ] {
            assert_eq!(text.parse::<Snapshot>(), Err(InvalidSnapshot), "{text}");
        }
    }
}
