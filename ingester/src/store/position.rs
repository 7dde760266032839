//! Whether a forward chunk may be stored, given how far its stream is. Pure; ARCHITECTURE.md, "Exactly once", is its text.

use std::collections::HashMap;

use trunkline_record::StreamId;

use super::ahead::Ahead;
use crate::chunk::Chunk;
use crate::queue;

/// How far the streams of one transaction are, as the database said and as the transaction moves them.
#[derive(Debug, Default)]
pub(super) struct Positions(HashMap<StreamId, Reached>);

/// What is stored of a stream.
#[derive(Debug, Default)]
struct Reached {
    /// All below this is; `None` for a stream that was never seen.
    committed: Option<u64>,
    /// And this.
    ahead: Ahead,
}

impl Positions {
    /// This stream has a row; `None` for its position when the row was made by this transaction.
    pub(super) fn insert(&mut self, stream: StreamId, committed: Option<u64>, ahead: Ahead) {
        self.0.insert(stream, Reached { committed, ahead });
    }

    /// Whether this stream has a row.
    pub(super) fn has(&self, stream: StreamId) -> bool {
        self.0.contains_key(&stream)
    }

    /// Up to where this stream is stored.
    pub(super) fn committed(&self, stream: StreamId) -> Option<u64> {
        self.0.get(&stream)?.committed
    }

    /// What is stored of this stream beyond that.
    pub(super) fn ahead(&self, stream: StreamId) -> Option<&Ahead> {
        self.0.get(&stream).map(|reached| &reached.ahead)
    }

    /// For batches that go on with streams of these forward chunks: those of which nothing is stored beyond the position.
    pub(super) fn to_follow<'a>(
        &self,
        chunks: impl Iterator<Item = &'a Chunk>,
    ) -> queue::Positions {
        let of_files = chunks.filter(|chunk| chunk.foreign.is_none());
        let streams = of_files.map(|chunk| chunk.header.stream);
        let followed = streams.filter_map(|stream| {
            let Reached { committed, ahead } = self.0.get(&stream)?;
            ahead.to_text().is_none().then_some((stream, (*committed)?))
        });
        followed.collect()
    }

    /// Judges a claim on top of those before it. Claims have to come in the order in which their forward chunks arrived.
    ///
    /// A forward chunk whose connection has ended is judged and stored like any other. None may be left out from the middle of a
    /// stream for such a reason; and if one were, what follows it would begin above the stream's position and be refused here.
    pub(super) fn claim(&mut self, stream: StreamId, claim: Claim) -> Verdict {
        // A stream without a row was offered none, since nothing that it claims can be its beginning.
        let Some(reached) = self.0.get_mut(&stream) else { return Verdict::Refuse };
        reached.claim(claim)
    }
}

impl Reached {
    fn claim(&mut self, claim: Claim) -> Verdict {
        let Self { committed, ahead } = self;
        let below = committed.unwrap_or_default();
        if ahead.covers(claim.from.max(below), claim.to) {
            return Verdict::Duplicate;
        }
        let mut verdict = match claim.acked {
            Some(acked) => judge(*committed, claim, acked),
            None if claim.to <= below => Verdict::Duplicate,
            None => Verdict::Store { skip_below: below, stored: Ahead::default(), gap: None },
        };
        let Verdict::Store { stored, gap, .. } = &mut verdict else { return verdict };
        *stored = ahead.within(claim.from, claim.to);
        if claim.acked.is_some() || claim.from <= below {
            *committed = Some(ahead.reach(claim.to));
            return verdict;
        }
        *committed = Some(below);
        ahead.insert(claim.from, claim.to);
        if let Some((begin, end)) = ahead.too_many() {
            *committed = Some(ahead.reach(end));
            *gap = Some(begin - below);
        }
        verdict
    }
}

/// A part of a stream that wants to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    /// Where it begins.
    pub from: u64,
    /// Where it ends.
    pub to: u64,
    /// Up to where its sender holds acks, so that nothing older is on its way; `None` when that isn't known, since it keeps no order.
    pub acked: Option<u64>,
}

/// What is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of it is stored already.
    Duplicate,
    /// Store what is not below `skip_below`.
    Store {
        /// Records below this position are stored already.
        skip_below: u64,
        /// And these.
        stored: Ahead,
        /// Bytes of the stream that are missing before it, and that its sender will not send again.
        gap: Option<u64>,
    },
    /// It would jump over records that are still on their way.
    Refuse,
}

/// `committed` is the position up to which the stream is stored, `None` for a stream that was never seen.
fn judge(committed: Option<u64>, claim: Claim, acked: u64) -> Verdict {
    let store = |skip_below, gap| Verdict::Store { skip_below, stored: Ahead::default(), gap };
    match committed {
        Some(committed) if claim.to <= committed => Verdict::Duplicate,
        Some(committed) if claim.from <= committed => store(committed, None),
        Some(committed) if claim.from == acked => store(claim.from, Some(claim.from - committed)),
        // The beginning of the file is also the beginning of what can be missing.
        None if claim.from == acked || claim.from == 0 => store(claim.from, None),
        _ => Verdict::Refuse,
    }
}

/// Whether a stream that was never seen may begin with this.
pub(super) fn can_begin(claim: Claim) -> bool {
    claim.acked.is_none_or(|acked| judge(None, claim, acked) != Verdict::Refuse)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn check(committed: Option<u64>, (from, to, acked): (u64, u64, u64), verdict: Verdict) {
        assert_eq!(judge(committed, Claim { from, to, acked: Some(acked) }, acked), verdict);
    }

    fn store(skip_below: u64, gap: Option<u64>) -> Verdict {
        Verdict::Store { skip_below, stored: Ahead::default(), gap }
    }

    #[test]
    fn what_follows_is_stored() {
        check(Some(100), (100, 200, 0), store(100, None));
    }

    #[test]
    fn what_is_stored_is_skipped() {
        check(Some(200), (100, 200, 0), Verdict::Duplicate);
        check(Some(150), (100, 200, 0), store(150, None));
    }

    #[test]
    fn a_jump_over_unacknowledged_records_is_refused() {
        check(Some(100), (200, 300, 100), Verdict::Refuse);
        check(None, (200, 300, 100), Verdict::Refuse);
    }

    #[test]
    fn a_stream_may_begin_where_its_sender_has_nothing_older() {
        check(None, (0, 100, 0), store(0, None));
        check(None, (500, 600, 500), store(500, None));
    }

    #[test]
    fn a_database_that_lost_commits_goes_on_and_counts_the_gap() {
        check(Some(100), (500, 600, 500), store(500, Some(400)));
    }

    #[test]
    fn an_empty_claim_at_the_end_is_answered() {
        check(Some(100), (100, 100, 100), Verdict::Duplicate);
    }

    /// A sender of ten chunks over connections that break, whose chunks may still arrive when the next connection's do; acks that get
    /// lost; a database that is never told but what it is sent.
    #[derive(Debug, Clone)]
    enum Step {
        /// The sender sends its next chunk, if its window allows.
        Send,
        /// The oldest chunk on its way arrives: of the last connection (0), or of one so many before it.
        Arrive(usize),
        /// The sender reads an ack, if there is one.
        Ack,
        /// The sender's connection breaks: unread acks are lost, chunks on their way are not.
        Break,
        /// A connection that broke loses what it still held.
        Lose,
        /// The oldest chunk on its way is refused for a reason of its own, and its connection closed; those behind it are judged all the
        /// same.
        Refuse(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Send),
            5 => (0..3_usize).prop_map(Step::Arrive),
            2 => Just(Step::Ack),
            1 => Just(Step::Break),
            1 => Just(Step::Lose),
            1 => (0..3_usize).prop_map(Step::Refuse),
        ]
    }

    const CHUNKS: u64 = 10;
    const BYTES: u64 = 100;
    const STREAM: StreamId = StreamId([1; 16]);

    #[derive(Default)]
    struct Connection {
        on_the_way: VecDeque<Claim>,
        acks: VecDeque<u64>,
        broken: bool,
    }

    proptest! {
        /// A sender that keeps no order: ranges come in any order, again, and cut in other places; an orderly one may take over in between.
        #[test]
        fn ranges_in_any_order_are_stored_once(
            claims in prop::collection::vec((0..100_u64, 1..30_u64, any::<bool>()), 0..60)
        ) {
            let mut positions = Positions::default();
            let mut stored = [0_u8; 200];
            let mut claimed = [false; 200];
            for (from, len, ordered) in claims {
                let to = from + len;
                let reached = positions.committed(STREAM);
                // An orderly one goes on where all is stored.
                let (from, to, acked) = match reached {
                    Some(reached) if ordered => (reached.min(from), to.max(reached.min(from)), Some(0)),
                    _ => (from, to, None),
                };
                if !positions.has(STREAM) {
                    positions.insert(STREAM, None, Ahead::default());
                }
                if let Verdict::Store { skip_below, stored: ahead, gap } = positions.claim(STREAM, Claim { from, to, acked }) {
                    prop_assert_eq!(gap, None);
                    for at in (from..to).filter(|at| *at >= skip_below && !ahead.has(*at)) {
                        stored[usize::try_from(at).unwrap()] += 1;
                    }
                }
                for at in from..to {
                    claimed[usize::try_from(at).unwrap()] = true;
                }
                for (times, claimed) in stored.iter().zip(claimed) {
                    prop_assert_eq!(*times, u8::from(claimed));
                }
                let below = positions.committed(STREAM).unwrap_or_default();
                let ahead = positions.ahead(STREAM).unwrap();
                for (at, claimed) in (0..).zip(claimed) {
                    prop_assert_eq!(at < below || ahead.has(at), claimed);
                }
            }
        }

        #[test]
        fn whatever_breaks_each_byte_is_stored_once_and_in_order(steps in prop::collection::vec(step(), 0..300)) {
            let mut connections = vec![Connection::default()];
            let (mut acked, mut sent) = (0, 0);
            let mut committed = None;
            let mut stored = Vec::new();
            // In the end everything gets through.
            let finish = (0..20 * CHUNKS).flat_map(|_| [Step::Send, Step::Arrive(0), Step::Ack]);
            for step in steps.into_iter().chain([Step::Break]).chain(finish) {
                match step {
                    Step::Send => {
                        if sent < CHUNKS && sent - acked < 4 {
                            let claim = Claim { from: sent * BYTES, to: (sent + 1) * BYTES, acked: Some(acked * BYTES) };
                            connections.last_mut().unwrap().on_the_way.push_back(claim);
                            sent += 1;
                        }
                    }
                    Step::Arrive(before) => {
                        let Some(at) = connections.len().checked_sub(1 + before) else { continue };
                        let Some(claim) = connections[at].on_the_way.pop_front() else { continue };
                        // As a transaction does: a row is made when there is none and the claim can be a beginning.
                        let mut positions = Positions::default();
                        if committed.is_some() || can_begin(claim) {
                            positions.insert(STREAM, committed, Ahead::default());
                        }
                        match positions.claim(STREAM, claim) {
                            Verdict::Refuse => {
                                connections[at].on_the_way.clear();
                                if at + 1 == connections.len() {
                                    sent = acked;
                                    connections.push(Connection::default());
                                }
                                continue;
                            }
                            Verdict::Duplicate => {}
                            Verdict::Store { skip_below, gap, .. } => {
                                prop_assert_eq!(gap, None);
                                stored.extend(skip_below.max(claim.from)..claim.to);
                                committed = positions.committed(STREAM);
                            }
                        }
                        if !connections[at].broken {
                            connections[at].acks.push_back(claim.to / BYTES);
                        }
                    }
                    Step::Ack => {
                        if let Some(ack) = connections.last_mut().unwrap().acks.pop_front() {
                            acked = ack;
                        }
                    }
                    Step::Refuse(before) => {
                        let Some(at) = connections.len().checked_sub(1 + before) else { continue };
                        if connections[at].on_the_way.pop_front().is_some() && before == 0 {
                            connections[at].broken = true;
                            connections.push(Connection::default());
                            sent = acked;
                        }
                    }
                    Step::Break => {
                        connections.last_mut().unwrap().broken = true;
                        connections.push(Connection::default());
                        sent = acked;
                    }
                    Step::Lose => {
                        if let Some(broken) = connections.iter_mut().find(|c| c.broken && !c.on_the_way.is_empty()) {
                            broken.on_the_way.clear();
                        }
                    }
                }
            }
            prop_assert_eq!(acked, CHUNKS);
            prop_assert!(stored.iter().copied().eq(0..CHUNKS * BYTES), "{:?}", stored.len());
        }
    }
}
