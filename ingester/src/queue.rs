//! The queue between connections and writers: whichever writer has nothing to store fills the next batch, with whatever waits.
//!
//! A stream is in one batch at a time; what comes of it meanwhile is set aside until that batch is stored. So a stream's forward
//! chunks are stored in the order in which they came, no two writers wait for each other's lock on a stream, and no writer idles
//! while there is something that may be stored. One batch is filled at a time: little traffic makes few batches.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, mpsc};
use trunkline_record::StreamId;

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

/// Streams that are in a batch which isn't stored yet.
#[derive(Debug, Default)]
struct Busy {
    streams: Mutex<HashSet<StreamId>>,
    freed: Notify,
}

/// Items to be stored together. Dropped, it gives its streams free.
#[derive(Debug)]
pub struct Batch<T> {
    /// In the order in which they came.
    pub items: Vec<T>,
    /// To be dropped when all of them are stored, or given up.
    pub claim: Claim,
}

/// The streams of a batch.
#[derive(Debug)]
pub struct Claim {
    streams: HashSet<StreamId>,
    busy: Arc<Busy>,
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
        busy.lock().extend(&streams);
        let claim = Claim { streams, busy: Arc::clone(busy) };
        (!items.is_empty()).then_some(Batch { items, claim })
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
        if self.aside.has(stream) || busy.lock().contains(&stream) {
            self.aside.push(item);
        } else {
            push(&mut self.batcher, item);
        }
    }

    /// Into the batch what was set aside and needs to no longer, the oldest first.
    fn take_freed(&mut self, busy: &Busy) {
        if self.aside.len() == 0 {
            return;
        }
        let mut blocked = busy.lock().clone();
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
}

impl<T> Default for Aside<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), of: HashMap::new() }
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
        self.items.push_back(item);
    }

    /// Offers each item, and keeps those that come back.
    fn retain(&mut self, mut offer: impl FnMut(T) -> Option<T>) {
        let items = std::mem::take(&mut self.items);
        self.of.clear();
        for item in items {
            if let Some(item) = offer(item) {
                self.push(item);
            }
        }
    }
}

impl Busy {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<StreamId>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.busy.lock().retain(|stream| !self.streams.contains(stream));
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
    async fn no_more_is_set_aside_than_there_is_room_for() {
        let (sender, queue) = small(4);
        put(&sender, &[1, 1, 1]).await;
        let _first = queue.next().await;
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
        /// Whatever the writers' pace: each item is in one batch, those of a stream in their order, and in no two batches at a time.
        #[test]
        fn every_stream_keeps_its_order(
            streams in prop::collection::vec(0..5_u8, 0..60),
            paces in prop::collection::vec(0..4_u8, 60),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (sender, queue) = small(8);
                let (seen, held) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(HashSet::new())));
                let writers: Vec<_> = (0..3_usize).map(|writer| {
                    let (queue, seen, held) = (queue.clone(), Arc::clone(&seen), Arc::clone(&held));
                    let paces = paces.clone();
                    tokio::spawn(async move {
                        let mut round = writer;
                        while let Some(batch) = queue.next().await {
                            let streams: HashSet<_> = batch.items.iter().map(|item| item.stream).collect();
                            for stream in &streams {
                                assert!(held.lock().unwrap().insert(*stream), "in two batches");
                            }
                            for _ in 0..paces[round % paces.len()] {
                                tokio::task::yield_now().await;
                            }
                            round += 1;
                            seen.lock().unwrap().extend(batch.items.iter().copied());
                            held.lock().unwrap().retain(|stream| !streams.contains(stream));
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
