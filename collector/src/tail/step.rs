//! What to do next with one open file, decided from observed facts alone.
//!
//! Reading is paced: bytes wait in the page cache, where they cost nothing, until there are enough of
//! them for a forward chunk, or the writer pauses, or they have waited long enough.

use std::time::Duration;

/// What is known of an open file at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Its size.
    pub size: u64,
    /// Up to where it was read: what is below is packed, or belongs to a torn last record.
    pub read_to: u64,
    /// It doesn't begin any more as it did.
    pub replaced: bool,
    /// Nothing will ever be added to it.
    pub complete: bool,
    /// Its last record waits only for a line that could continue it.
    pub open_ended: bool,
    /// For how long there has been something to read.
    pub unread_for: Duration,
    /// For how long the size hasn't changed.
    pub quiet_for: Duration,
    /// Whether, and how, it can be found by a name.
    pub presence: Presence,
}

/// Where an open file stands among the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// A glob matches it; `newer` if its directory has a file with later changes.
    Listed {
        /// The server may have turned to another file.
        newer: bool,
    },
    /// It has a name that no glob matches: once closed it isn't found again.
    Unlisted,
    /// It has no name left.
    Deleted,
}

/// The limits in the decision.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// As many unread bytes are worth a forward chunk.
    pub enough: u64,
    /// A record waits at most this long while others follow it.
    pub age: Duration,
    /// After this pause of the writer there is nothing to wait for.
    pub pause: Duration,
    /// After this pause of the writer no line continues the last record.
    pub record_pause: Duration,
    /// A file that was replaced is complete when nothing has come for this long.
    pub finished_after: Duration,
    /// A deleted file is complete when nothing has come for this long.
    pub deleted_linger: Duration,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read on.
    Read,
    /// Take the last record as whole, unless something has come after all.
    Pause,
    /// Nothing, at least for this long; without a limit, until something changes.
    Wait(Option<Duration>),
    /// Nothing follows: reject a torn last record and close.
    Finish,
    /// It is shorter than what was read, or begins otherwise: it was cut, and what is in it now is
    /// another stream.
    Cut,
}

/// Decides.
pub fn next(facts: &Facts, policy: &Policy) -> Step {
    if facts.replaced || facts.size < facts.read_to {
        return Step::Cut;
    }
    let unread = facts.size - facts.read_to;
    if unread > 0 {
        let due_by_age = policy.age.saturating_sub(facts.unread_for);
        let due_by_pause = policy.pause.saturating_sub(facts.quiet_for);
        let due = due_by_age.min(due_by_pause);
        let hurry = facts.complete || facts.presence == Presence::Deleted;
        let now = unread >= policy.enough || hurry || due.is_zero();
        return if now { Step::Read } else { Step::Wait(Some(due)) };
    }
    let complete_after = match facts.presence {
        _ if facts.complete => Some(Duration::ZERO),
        Presence::Listed { newer: false } => None,
        Presence::Listed { newer: true } | Presence::Unlisted => Some(policy.finished_after),
        Presence::Deleted => Some(policy.deleted_linger),
    };
    let pause_after = facts.open_ended.then_some(policy.record_pause);
    let rest = |after: Duration| after.saturating_sub(facts.quiet_for);
    match (complete_after.map(rest), pause_after.map(rest)) {
        (Some(Duration::ZERO), _) => Step::Finish,
        (_, Some(Duration::ZERO)) => Step::Pause,
        (complete, pause) => Step::Wait([complete, pause].into_iter().flatten().min()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const POLICY: Policy = Policy {
        enough: 1000,
        age: Duration::from_millis(500),
        pause: Duration::from_millis(50),
        record_pause: Duration::from_secs(2),
        finished_after: Duration::from_secs(300),
        deleted_linger: Duration::from_secs(1),
    };
    const NEWEST: Presence = Presence::Listed { newer: false };
    const OLDER: Presence = Presence::Listed { newer: true };

    /// A file read up to 100.
    fn facts(size: u64, unread_ms: u32, quiet_ms: u32, presence: Presence) -> Facts {
        Facts {
            size,
            read_to: 100,
            replaced: false,
            complete: false,
            open_ended: false,
            unread_for: MS * unread_ms,
            quiet_for: MS * quiet_ms,
            presence,
        }
    }

    fn check(size: u64, unread_ms: u32, quiet_ms: u32, presence: Presence, expected: Step) {
        let facts = facts(size, unread_ms, quiet_ms, presence);
        assert_eq!(next(&facts, &POLICY), expected, "{facts:?}");
    }

    #[test]
    fn enough_bytes_are_read_at_once() {
        check(1100, 0, 0, NEWEST, Step::Read);
    }

    #[test]
    fn few_bytes_wait_for_a_pause_of_the_writer_but_not_for_ever() {
        check(1099, 0, 0, NEWEST, Step::Wait(Some(MS * 50)));
        check(101, 10, 10, NEWEST, Step::Wait(Some(MS * 40)));
        check(101, 60, 50, NEWEST, Step::Read);
        check(101, 480, 5, NEWEST, Step::Wait(Some(MS * 20)));
        check(101, 500, 5, NEWEST, Step::Read);
    }

    #[test]
    fn the_newest_file_stays_open_however_quiet() {
        check(100, 0, 1_000_000, NEWEST, Step::Wait(None));
    }

    #[test]
    fn a_replaced_or_renamed_away_file_is_finished_after_a_good_while() {
        for presence in [OLDER, Presence::Unlisted] {
            check(100, 0, 299_000, presence, Step::Wait(Some(MS * 1000)));
            check(100, 0, 300_000, presence, Step::Finish);
        }
    }

    #[test]
    fn a_deleted_file_is_drained_at_once_and_then_finished() {
        check(101, 0, 0, Presence::Deleted, Step::Read);
        check(100, 0, 0, Presence::Deleted, Step::Wait(Some(MS * 1000)));
        check(100, 0, 1000, Presence::Deleted, Step::Finish);
    }

    #[test]
    fn a_shorter_file_was_cut_whatever_else_is_true_of_it() {
        for presence in [NEWEST, OLDER, Presence::Unlisted, Presence::Deleted] {
            check(99, 1000, 1000, presence, Step::Cut);
        }
    }

    fn check_open_ended(size: u64, quiet_ms: u32, presence: Presence, expected: Step) {
        let facts = Facts { open_ended: true, ..facts(size, quiet_ms, quiet_ms, presence) };
        assert_eq!(next(&facts, &POLICY), expected, "{facts:?}");
    }

    #[test]
    fn a_record_that_could_be_continued_waits_for_a_pause() {
        for presence in [NEWEST, OLDER, Presence::Unlisted] {
            check_open_ended(100, 1999, presence, Step::Wait(Some(MS)));
            check_open_ended(100, 2000, presence, Step::Pause);
        }
        check_open_ended(101, 2000, NEWEST, Step::Read);
        check_open_ended(99, 2000, NEWEST, Step::Cut);
    }

    #[test]
    fn a_file_that_is_complete_has_no_record_that_could_be_continued() {
        check_open_ended(100, 300_000, OLDER, Step::Finish);
        check_open_ended(100, 900, Presence::Deleted, Step::Wait(Some(MS * 100)));
        check_open_ended(100, 1000, Presence::Deleted, Step::Finish);
    }

    #[test]
    fn a_file_that_cannot_grow_is_read_to_its_end_and_finished_at_once() {
        let complete = |size| Facts { complete: true, ..facts(size, 0, 0, NEWEST) };
        assert_eq!(next(&complete(101), &POLICY), Step::Read);
        assert_eq!(next(&complete(100), &POLICY), Step::Finish);
    }
}
