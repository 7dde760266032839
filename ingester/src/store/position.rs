//! Whether a forward chunk may be stored, given how far its stream is. Pure; ARCHITECTURE.md, "Exactly once", is its text.

/// A part of a stream that wants to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    /// Where it begins.
    pub from: u64,
    /// Where it ends.
    pub to: u64,
    /// Up to where its sender holds acks, so that nothing older is on its way.
    pub acked: u64,
}

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of it is stored already.
    Duplicate,
    /// Store what is not below `skip_below`.
    Store {
        /// Records below this position are stored already.
        skip_below: u64,
        /// Bytes of the stream that are missing before it, and that its sender will not send again.
        gap: Option<u64>,
    },
    /// It would jump over records that are still on their way.
    Refuse,
}

/// `committed` is the position up to which the stream is stored, `None` for a stream that was never seen.
pub(super) fn judge(committed: Option<u64>, claim: Claim) -> Verdict {
    match committed {
        Some(committed) if claim.to <= committed => Verdict::Duplicate,
        Some(committed) if claim.from <= committed => {
            Verdict::Store { skip_below: committed, gap: None }
        }
        Some(committed) if claim.from == claim.acked => {
            Verdict::Store { skip_below: claim.from, gap: Some(claim.from - committed) }
        }
        // The beginning of the file is also the beginning of what can be missing.
        None if claim.from == claim.acked || claim.from == 0 => {
            Verdict::Store { skip_below: claim.from, gap: None }
        }
        _ => Verdict::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(committed: Option<u64>, (from, to, acked): (u64, u64, u64), verdict: Verdict) {
        assert_eq!(judge(committed, Claim { from, to, acked }), verdict);
    }

    #[test]
    fn what_follows_is_stored() {
        check(Some(100), (100, 200, 0), Verdict::Store { skip_below: 100, gap: None });
    }

    #[test]
    fn what_is_stored_is_skipped() {
        check(Some(200), (100, 200, 0), Verdict::Duplicate);
        check(Some(150), (100, 200, 0), Verdict::Store { skip_below: 150, gap: None });
    }

    #[test]
    fn a_jump_over_unacknowledged_records_is_refused() {
        check(Some(100), (200, 300, 100), Verdict::Refuse);
        check(None, (200, 300, 100), Verdict::Refuse);
    }

    #[test]
    fn a_stream_may_begin_where_its_sender_has_nothing_older() {
        check(None, (0, 100, 0), Verdict::Store { skip_below: 0, gap: None });
        check(None, (500, 600, 500), Verdict::Store { skip_below: 500, gap: None });
    }

    #[test]
    fn a_database_that_lost_commits_goes_on_and_counts_the_gap() {
        check(Some(100), (500, 600, 500), Verdict::Store { skip_below: 500, gap: Some(400) });
    }

    #[test]
    fn an_empty_claim_at_the_end_is_answered() {
        check(Some(100), (100, 100, 100), Verdict::Duplicate);
    }
}
