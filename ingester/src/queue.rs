//! The queue between connections and writers: whichever writer has nothing to store fills the next batch, with whatever waits.
//!
//! A stream is in one batch at a time; what comes of it meanwhile is set aside until that batch is stored. So a stream's forward
//! chunks are stored in the order in which they came, no two writers wait for each other's lock on a stream, and no writer idles
//! while there is something that may be stored. One batch is filled at a time: little traffic makes few batches.
//!
//! When a whole batch has been set aside and nothing else is there, it is given out nevertheless, to follow those that keep its
//! streams (see [`leader`]): so one stream that brings more than a connection stores has all of them.

mod leader;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, mpsc};
use trunkline_record::StreamId;

use leader::{Lead, Leader, Progress};
pub use leader::{Leaders, Positions};

use crate::batch::{self, Batcher, Weight};

/// What goes through the queue.
pub trait Item {
    /// Whose order it keeps.
    fn stream(&self) -> StreamId;
    /// What it adds to a batch.
    fn weight(&self) -> Weight;
    /// When it came.
    fn received(&self) -> Instant;
}

/// The writers' end; each has a clone.
#[derive(Debug)]
pub struct Queue<T>(Arc<Shared<T>>);

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Shared<T> {
    filling: tokio::sync::Mutex<Filling<T>>,
    busy: Arc<Busy>,
}

/// What the one writer that fills a batch works on.
#[derive(Debug)]
struct Filling<T> {
    receiver: mpsc::Receiver<T>,
    is_closed: bool,
    batcher: Batcher<T>,
    aside: Aside<T>,
    /// Items that may be set aside at a time.
    room: usize,
}

/// Streams that are in a batch which isn't stored yet, and the last such batch.
#[derive(Debug, Default)]
struct Busy {
    streams: Mutex<HashMap<StreamId, Leader>>,
    freed: Notify,
}

/// Items to be stored together. Dropped, it gives its streams free.
#[derive(Debug)]
pub struct Batch<T> {
    /// In the order in which they came.
    pub items: Vec<T>,
    /// To be dropped when all of them are stored, or given up.
    pub claim: Claim,
    /// What has to be stored before.
    pub leaders: Leaders,
}

/// The streams of a batch.
#[derive(Debug)]
pub struct Claim {
    streams: HashSet<StreamId>,
    busy: Arc<Busy>,
    lead: Lead,
}

impl Claim {
    /// Where the streams will be when the batch is stored as it was given out. One that isn't mentioned can't be followed.
    pub fn decided(&self, positions: Positions) {
        self.lead.report(Progress::Decided(Arc::new(positions)));
    }

    /// The batch is stored as it was decided.
    pub fn stored(&self) {
        self.lead.report(Progress::Stored);
    }

    /// It couldn't be stored as it was given out. Whoever follows has to wait until this is dropped.
    pub fn failed(&self) {
        self.lead.report(Progress::Failed);
    }
}

impl<T: Item> Queue<T> {
    /// Of what comes from `receiver`; so many items may be set aside. What bounds memory is up to who puts them in.
    pub fn new(receiver: mpsc::Receiver<T>, room: usize, batch: batch::Config) -> Self {
        let (batcher, aside) = (Batcher::new(batch), Aside::default());
        let filling = Filling { receiver, is_closed: false, batcher, aside, room };
        let filling = tokio::sync::Mutex::new(filling);
        Self(Arc::new(Shared { filling, busy: Arc::default() }))
    }

    /// Waits for a batch; `None` when there won't be another.
    pub async fn next(&self) -> Option<Batch<T>> {
        let Shared { filling, busy } = &*self.0;
        let mut filling = filling.lock().await;
        filling.fill(busy).await;
        let items = filling.batcher.cut();
        let streams: HashSet<_> = items.iter().map(Item::stream).collect();
        let (lead, mut leaders) = (Lead::default(), Leaders::default());
        {
            let mut busy = busy.lock();
            for stream in &streams {
                if let Some(before) = busy.insert(*stream, lead.leader()) {
                    leaders.add(&before, *stream);
                }
            }
        }
        let claim = Claim { streams, busy: Arc::clone(busy), lead };
        (!items.is_empty()).then_some(Batch { items, claim, leaders })
    }
}

impl<T: Item> Filling<T> {
    /// Fills the batch until it is to be cut; leaves it empty when nothing will come.
    async fn fill(&mut self, busy: &Busy) {
        self.take_freed(busy);
        while !self.batcher.is_full() {
            // What is there already is taken even when it's time: it is as old, and a commit is dear.
            if self.aside.len() < self.room
                && let Ok(item) = self.receiver.try_recv()
            {
                self.take(item, busy);
                continue;
            }
            if self.follow(busy) {
                return;
            }
            let deadline = self.batcher.deadline();
            if self.is_closed && (deadline.is_some() || self.aside.len() == 0) {
                return;
            }
            let due = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                    None => std::future::pending().await,
                }
            };
            let has_room = !self.is_closed && self.aside.len() < self.room;
            tokio::select! {
                item = self.receiver.recv(), if has_room => match item {
                    Some(item) => self.take(item, busy),
                    None => self.is_closed = true,
                },
                () = busy.freed.notified() => self.take_freed(busy),
                () = due => return,
            }
        }
    }

    /// Into the batch, or aside when its stream is busy, or has something set aside before it.
    fn take(&mut self, item: T, busy: &Busy) {
        let stream = item.stream();
        if self.aside.has(stream) || busy.lock().contains_key(&stream) {
            self.aside.push(item);
        } else {
            push(&mut self.batcher, item);
        }
    }

    /// Into the batch what was set aside and needs to no longer, the oldest first.
    fn take_freed(&mut self, busy: &Busy) {
        if self.aside.len() > 0 {
            let blocked = busy.lock().keys().copied().collect();
            self.take_aside(blocked);
        }
    }

    /// Into an empty batch what was set aside, if it fills it; its streams are in batches that aren't stored yet.
    fn follow(&mut self, busy: &Busy) -> bool {
        // Less would be waiting for others in order to do little.
        if !self.batcher.is_empty() || !self.batcher.would_fill(self.aside.weight) {
            return false;
        }
        let streams = busy.lock();
        let failed = streams.iter().filter(|(_, leader)| leader.has_failed());
        let blocked: HashSet<_> = failed.map(|(stream, _)| *stream).collect();
        drop(streams);
        let weights = self.aside.items.iter().filter(|item| !blocked.contains(&item.stream()));
        if !self.batcher.would_fill(weights.map(Item::weight).sum()) {
            return false;
        }
        self.take_aside(blocked);
        true
    }

    /// Into the batch what was set aside of other streams than these, the oldest first.
    fn take_aside(&mut self, mut blocked: HashSet<StreamId>) {
        let batcher = &mut self.batcher;
        self.aside.retain(|item| {
            let stays = batcher.is_full() || blocked.contains(&item.stream());
            if stays {
                // Nothing of the stream may overtake it.
                blocked.insert(item.stream());
                return Some(item);
            }
            push(batcher, item);
            None
        });
    }
}

fn push<T: Item>(batcher: &mut Batcher<T>, item: T) {
    let (weight, received) = (item.weight(), item.received());
    batcher.push(item, weight, received);
}

/// Items whose stream is busy, in the order in which they came.
#[derive(Debug)]
struct Aside<T> {
    items: VecDeque<T>,
    /// How many of each stream.
    of: HashMap<StreamId, usize>,
    weight: Weight,
}

impl<T> Default for Aside<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), of: HashMap::new(), weight: Weight::default() }
    }
}

impl<T: Item> Aside<T> {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn has(&self, stream: StreamId) -> bool {
        self.of.contains_key(&stream)
    }

    fn push(&mut self, item: T) {
        *self.of.entry(item.stream()).or_default() += 1;
        self.weight += item.weight();
        self.items.push_back(item);
    }

    /// Offers each item, and keeps those that come back.
    fn retain(&mut self, mut offer: impl FnMut(T) -> Option<T>) {
        let items = std::mem::take(&mut self.items);
        self.of.clear();
        self.weight = Weight::default();
        for item in items {
            if let Some(item) = offer(item) {
                self.push(item);
            }
        }
    }
}

impl Busy {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<StreamId, Leader>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let own = self.lead.leader();
        let is_own =
            |stream: &StreamId, last: &Leader| self.streams.contains(stream) && last.is_of(&own);
        self.busy.lock().retain(|stream, last| !is_own(stream, last));
        // One writer at most waits for it; if none does, the next to fill looks anyway.
        self.busy.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytesize::ByteSize;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Numbered {
        stream: u8,
        number: usize,
    }

    impl Item for Numbered {
        fn stream(&self) -> StreamId {
            StreamId([self.stream; 16])
        }

        fn weight(&self) -> Weight {
            Weight { rows: 1, bytes: 1 }
        }

        fn received(&self) -> Instant {
            Instant::now()
        }
    }

    /// Batches of three.
    fn small(capacity: usize) -> (mpsc::Sender<Numbered>, Queue<Numbered>) {
        let (sender, receiver) = mpsc::channel(capacity);
        let (bytes, age) = (ByteSize::mib(1), Duration::from_millis(1));
        (sender, Queue::new(receiver, capacity, batch::Config { rows: 3, bytes, age }))
    }

    async fn put(sender: &mpsc::Sender<Numbered>, streams: &[u8]) {
        for (number, stream) in streams.iter().enumerate() {
            sender.send(Numbered { stream: *stream, number }).await.unwrap();
        }
    }

    fn numbers(batch: Option<&Batch<Numbered>>) -> Vec<usize> {
        batch.map(|batch| batch.items.iter().map(|item| item.number).collect()).unwrap_or_default()
    }

    #[tokio::test]
    async fn a_second_writer_gets_what_the_first_has_no_stream_of() {
        let (sender, queue) = small(16);
        put(&sender, &[1, 1, 2, 1, 3, 2, 4]).await;
        let first = queue.next().await;
        assert_eq!(numbers(first.as_ref()), [0, 1, 2]);
        let second = queue.next().await;
        assert_eq!(numbers(second.as_ref()), [4, 6]);
        drop(first);
        assert_eq!(numbers(queue.next().await.as_ref()), [3, 5]);
    }

    #[tokio::test]
    async fn a_stream_that_is_given_free_wakes_the_writer_that_waits_for_it() {
        let (sender, queue) = small(16);
        put(&sender, &[1, 1, 1, 1]).await;
        let first = queue.next().await;
        let other = queue.clone();
        let waiting = tokio::spawn(async move { numbers(other.next().await.as_ref()) });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        assert_eq!(waiting.await.unwrap(), [3]);
    }

    #[tokio::test]
    async fn what_was_set_aside_is_stored_before_the_end() {
        let (sender, queue) = small(16);
        put(&sender, &[1, 1, 1, 1]).await;
        drop(sender);
        let first = queue.next().await;
        let other = queue.clone();
        let waiting = tokio::spawn(async move { numbers(other.next().await.as_ref()) });
        tokio::task::yield_now().await;
        drop(first);
        assert_eq!(waiting.await.unwrap(), [3]);
        assert!(queue.next().await.is_none());
    }

    #[tokio::test]
    async fn a_whole_batch_that_was_set_aside_follows_the_one_that_has_its_stream() {
        let (sender, queue) = small(16);
        put(&sender, &[1, 2, 1, 1, 1, 1, 1, 2]).await;
        let first = queue.next().await.unwrap();
        let mut second = queue.next().await.unwrap();
        assert_eq!(numbers(Some(&second)), [3, 4, 5]);
        let (one, two) = (StreamId([1; 16]), StreamId([2; 16]));
        first.claim.decided([(one, 30), (two, 40)].into());
        assert_eq!(second.leaders.decided().await, Some([(one, 30)].into()));
        // What comes then of the stream goes on behind the second, and of the other behind the first.
        put(&sender, &[2]).await;
        let mut third = queue.next().await.unwrap();
        assert_eq!(numbers(Some(&third)), [6, 7, 0]);
        second.claim.decided([(one, 50)].into());
        assert_eq!(third.leaders.decided().await, Some([(one, 50), (two, 40)].into()));
        first.claim.stored();
        assert!(second.leaders.are_stored().await);
        drop(first);
        second.claim.stored();
        assert!(third.leaders.are_stored().await);
        // Its own end doesn't free a stream that another one has gone on with.
        drop(second);
        put(&sender, &[1]).await;
        let fourth = tokio::time::timeout(Duration::from_millis(20), queue.next()).await;
        assert!(fourth.is_err(), "{fourth:?}");
    }

    #[tokio::test]
    async fn who_follows_one_that_failed_waits_until_it_is_gone() {
        let (sender, queue) = small(16);
        put(&sender, &[1; 12]).await;
        let first = queue.next().await.unwrap();
        let mut second = queue.next().await.unwrap();
        first.claim.decided([(StreamId([1; 16]), 3)].into());
        first.claim.failed();
        // What it does afterwards is something else.
        first.claim.decided([(StreamId([1; 16]), 2)].into());
        first.claim.stored();
        assert_eq!(second.leaders.decided().await, None);
        assert!(!second.leaders.are_stored().await);
        second.claim.failed();
        let third = tokio::time::timeout(Duration::from_millis(20), queue.next()).await;
        assert!(third.is_err(), "{third:?}");
        let gone = async {
            second.leaders.are_gone().await;
            numbers(Some(&second))
        };
        let (gone, ()) = tokio::join!(gone, async { drop(first) });
        assert_eq!(gone, [3, 4, 5]);
        drop(second);
        assert_eq!(numbers(queue.next().await.as_ref()), [6, 7, 8]);
    }

    #[tokio::test]
    async fn no_more_is_set_aside_than_there_is_room_for() {
        let (sender, queue) = small(4);
        put(&sender, &[1, 1, 1]).await;
        let first = queue.next().await.unwrap();
        first.claim.failed();
        let other = queue.clone();
        let waiting = tokio::spawn(async move { other.next().await });
        put(&sender, &[1; 8]).await;
        tokio::task::yield_now().await;
        assert!(
            sender.try_send(Numbered { stream: 1, number: 8 }).is_err(),
            "four aside, four in the queue"
        );
        waiting.abort();
    }

    proptest! {
        /// Whatever the writers' pace: each item is in one batch, those of a stream in their order, and in no two batches at a time but
        /// in one that follows, and is stored later.
        #[test]
        fn every_stream_keeps_its_order(
            streams in prop::collection::vec(0..5_u8, 0..60),
            paces in prop::collection::vec(0..4_u8, 60),
            fails in prop::collection::vec(any::<bool>(), 60),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (sender, queue) = small(8);
                let (seen, held) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(HashSet::new())));
                let writers: Vec<_> = (0..3_usize).map(|writer| {
                    let (queue, seen, held) = (queue.clone(), Arc::clone(&seen), Arc::clone(&held));
                    let (paces, fails) = (paces.clone(), fails.clone());
                    tokio::spawn(async move {
                        let mut round = writer;
                        while let Some(mut batch) = queue.next().await {
                            let streams: HashSet<_> = batch.items.iter().map(|item| item.stream).collect();
                            let follows = !batch.leaders.is_empty();
                            if !follows || batch.leaders.decided().await.is_none() || !batch.leaders.are_stored().await {
                                batch.claim.failed();
                                batch.leaders.are_gone().await;
                            }
                            for stream in &streams {
                                let is_first = held.lock().unwrap().insert((*stream, writer));
                                let others = held.lock().unwrap().iter().filter(|(of, _)| of == stream).count();
                                assert!(is_first && (others == 1 || follows), "in two batches");
                            }
                            for _ in 0..paces[round % paces.len()] {
                                tokio::task::yield_now().await;
                            }
                            if fails[round % fails.len()] {
                                batch.claim.failed();
                            }
                            round += 1;
                            batch.claim.decided(batch.items.iter().map(|item| (item.stream(), 0)).collect());
                            seen.lock().unwrap().extend(batch.items.iter().copied());
                            batch.claim.stored();
                            tokio::task::yield_now().await;
                            held.lock().unwrap().retain(|(_, by)| *by != writer);
                        }
                    })
                }).collect();
                put(&sender, &streams).await;
                drop(sender);
                for writer in writers {
                    writer.await.unwrap();
                }
                let seen = seen.lock().unwrap();
                assert_eq!(seen.len(), streams.len());
                for stream in 0..5 {
                    let order: Vec<_> = seen.iter().filter(|item| item.stream == stream).map(|item| item.number).collect();
                    assert!(order.is_sorted(), "{order:?}");
                    assert_eq!(order.len(), streams.iter().filter(|other| **other == stream).count());
                }
            });
        }
    }
}
