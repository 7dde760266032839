//! Every stream that is known, and how far it is read and acknowledged. The tail thread reads
//! positions and moves `read`, the ship task moves `acked`, the checkpoint is a picture of it, the
//! status page sums it up.

mod progress;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::Notify;
use trunkline_record::{Source, StreamId};

pub use progress::Progress;

use crate::identity::{FileId, Fingerprint, FirstLine, stream_id};

/// One file of this pod, as long as it is remembered.
#[derive(Debug)]
pub struct Stream {
    /// Its id on the wire and in the store.
    pub id: StreamId,
    /// Device and inode when it was last opened.
    pub file: FileId,
    /// Digest of its first line.
    pub fingerprint: Fingerprint,
    /// How often the file was cut shorter and kept its first line.
    pub generation: u32,
    /// The name under which it was first seen.
    pub path: String,
    acked: AtomicU64,
    read: AtomicU64,
    size: AtomicU64,
    /// The file has lost its last name: what isn't read of it is held by an open handle alone.
    gone: AtomicBool,
    /// Unix seconds.
    seen: AtomicU64,
    progress: Mutex<Progress>,
}

impl Stream {
    /// A stream as the checkpoint remembers it.
    pub fn remembered(
        id: StreamId,
        file: FileId,
        fingerprint: Fingerprint,
        generation: u32,
        path: String,
        position: u64,
        seen: SystemTime,
    ) -> Self {
        Self {
            id,
            file,
            fingerprint,
            generation,
            path,
            acked: AtomicU64::new(position),
            read: AtomicU64::new(position),
            size: AtomicU64::new(position),
            gone: AtomicBool::new(false),
            seen: AtomicU64::new(unix_seconds(seen)),
            progress: Mutex::default(),
        }
    }

    /// Everything below this position is acknowledged.
    pub fn acked(&self) -> u64 {
        self.acked.load(Relaxed)
    }

    /// Everything below this position is in closed forward chunks.
    pub fn read(&self) -> u64 {
        self.read.load(Relaxed)
    }

    /// Moves [`Stream::read`].
    pub fn set_read(&self, position: u64) {
        self.read.store(position, Relaxed);
    }

    /// There is nothing older than this position any more: what was below is acknowledged or lost.
    pub fn pass(&self, position: u64) {
        self.acked.fetch_max(position, Relaxed);
    }

    /// Everything below this position is in the spool, or acknowledged.
    pub fn spooled(&self, position: u64) {
        self.read.fetch_max(position, Relaxed);
        self.size.fetch_max(position, Relaxed);
    }

    /// Says whether the file has lost its last name.
    pub fn set_gone(&self, gone: bool) {
        self.gone.store(gone, Relaxed);
    }

    /// Says how large the file is.
    pub fn set_size(&self, size: u64) {
        self.size.store(size, Relaxed);
        let acked = self.acked();
        self.with_progress(|progress| progress.sized(size, acked, Instant::now()));
    }

    /// How large the file was when it was last looked at.
    pub fn size(&self) -> u64 {
        self.size.load(Relaxed)
    }

    /// Looks at, or adds to, what is told of it beyond its positions.
    pub fn with_progress<T>(&self, look: impl FnOnce(&mut Progress) -> T) -> T {
        // A panic can't leave more than a count behind that is off by one.
        look(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether it is a file of this source, rather than one that happens to begin like it.
    fn is_of(&self, identity: &Source, by_line: bool) -> bool {
        let ino = (!by_line).then_some(self.file.ino);
        self.id == stream_id(identity, ino, &self.fingerprint, self.generation)
    }

    /// Bytes in the file that are not acknowledged.
    pub fn lag(&self) -> u64 {
        self.size.load(Relaxed).saturating_sub(self.acked())
    }

    /// Says that the file was there at `now`.
    pub fn set_seen(&self, now: SystemTime) {
        self.seen.store(unix_seconds(now), Relaxed);
    }

    /// When the file was last there.
    pub fn seen(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.seen.load(Relaxed))
    }
}

/// All streams of this collector.
#[derive(Debug)]
pub struct Streams {
    source: Arc<Source>,
    known: Mutex<HashMap<StreamId, Arc<Stream>>>,
    changed: Notify,
}

impl Streams {
    /// Starts with what the checkpoint holds.
    pub fn new(source: Source, remembered: impl IntoIterator<Item = Stream>) -> Self {
        let known = remembered.into_iter().map(|stream| (stream.id, Arc::new(stream))).collect();
        Self { source: Arc::new(source), known: Mutex::new(known), changed: Notify::new() }
    }

    /// Who writes these streams.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The stream that an opened file of the source `identity` is, with the position where reading
    /// goes on.
    ///
    /// A known stream that was read beyond the file's `size` is not this file any more: it was cut
    /// shorter, and the next generation begins at 0. (A collector that has lost its checkpoint doesn't
    /// know of generations; servers don't write the same first line twice.)
    pub fn identify(
        &self,
        identity: &Source,
        file: FileId,
        first_line: &FirstLine,
        path: &str,
        size: u64,
        now: SystemTime,
    ) -> Arc<Stream> {
        let (fingerprint, by_line) = (first_line.fingerprint(), first_line.is_cri());
        let mut known = self.lock();
        let latest = known
            .values()
            .filter(|stream| by_line || stream.file.ino == file.ino)
            .filter(|stream| stream.fingerprint == fingerprint)
            .filter(|stream| stream.is_of(identity, by_line))
            .max_by_key(|stream| stream.generation);
        let generation = match latest {
            // An incomplete copy of a container's log is no cut.
            Some(stream) if stream.read() <= size || stream.file.ino != file.ino => {
                stream.set_seen(now);
                return Arc::clone(stream);
            }
            Some(stream) => stream.generation + 1,
            None => 0,
        };
        let ino = (!by_line).then_some(file.ino);
        let id = stream_id(identity, ino, &fingerprint, generation);
        let path = path.to_owned();
        let stream = Arc::new(Stream::remembered(id, file, fingerprint, generation, path, 0, now));
        known.insert(id, Arc::clone(&stream));
        stream
    }

    /// The stream that a file of the source `identity` is or may be a copy of, if it is known.
    pub fn find(
        &self,
        identity: &Source,
        file: FileId,
        first_line: &FirstLine,
    ) -> Option<Arc<Stream>> {
        let (fingerprint, by_line) = (first_line.fingerprint(), first_line.is_cri());
        let known = self.lock();
        let own = known
            .values()
            .filter(|stream| stream.file.ino == file.ino && stream.fingerprint == fingerprint)
            .filter(|stream| stream.is_of(identity, by_line))
            .max_by_key(|stream| stream.generation)
            .cloned();
        drop(known);
        own.or_else(|| self.original(identity, file, first_line))
    }

    /// The stream that an opened file may be a copy of: one that began in another file, with the same
    /// first line, which no other file can begin with.
    pub fn original(
        &self,
        identity: &Source,
        file: FileId,
        first_line: &FirstLine,
    ) -> Option<Arc<Stream>> {
        if !first_line.is_cri() && !first_line.tells_its_moment() {
            return None;
        }
        let (fingerprint, by_line) = (first_line.fingerprint(), first_line.is_cri());
        let known = self.lock();
        let alike = || {
            let like = known.values().filter(|stream| stream.fingerprint == fingerprint);
            like.filter(|stream| stream.is_of(identity, by_line))
        };
        let own = alike().any(|stream| stream.file.ino == file.ino);
        if own { None } else { alike().max_by_key(|stream| stream.generation).cloned() }
    }

    /// The stream of this id, which is `stream` if it isn't known yet.
    pub fn adopt(&self, stream: Stream) -> Arc<Stream> {
        Arc::clone(self.lock().entry(stream.id).or_insert_with(|| Arc::new(stream)))
    }

    /// Whether a file is gone of which not everything is acknowledged.
    pub fn is_any_at_risk(&self) -> bool {
        self.lock().values().any(|stream| stream.gone.load(Relaxed) && stream.lag() > 0)
    }

    /// Moves a stream's acknowledged position and lets the checkpoint know.
    pub fn acknowledge(&self, stream: &Stream, to: u64) {
        stream.acked.fetch_max(to, Relaxed);
        stream.with_progress(|progress| progress.acknowledged(to));
        self.changed.notify_one();
    }

    /// Drops what was last there before `horizon`.
    pub fn forget(&self, horizon: SystemTime) {
        let mut known = self.lock();
        let before = known.len();
        known.retain(|_, stream| Arc::strong_count(stream) > 1 || stream.seen() >= horizon);
        if known.len() != before {
            self.changed.notify_one();
        }
    }

    /// Makes the checkpoint's writer try again.
    pub fn mark_changed(&self) {
        self.changed.notify_one();
    }

    /// Waits until a position moved.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// All streams at this moment, ordered by id.
    pub fn all(&self) -> Vec<Arc<Stream>> {
        let mut all: Vec<_> = self.lock().values().cloned().collect();
        all.sort_by_key(|stream| stream.id.0);
        all
    }

    // A panic elsewhere can't leave the map half changed: each use is one insert, lookup or retain.
    fn lock(&self) -> MutexGuard<'_, HashMap<StreamId, Arc<Stream>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams() -> Streams {
        Streams::new(Source { pod: Some("pod".into()), ..Source::default() }, [])
    }

    fn identify(streams: &Streams, ino: u64, line: &[u8], size: u64) -> Arc<Stream> {
        let line = FirstLine::of(line).unwrap();
        let file = FileId { dev: 1, ino };
        let now = UNIX_EPOCH + Duration::from_secs(100);
        streams.identify(streams.source(), file, &line, "/f", size, now)
    }

    #[test]
    fn the_same_file_is_the_same_stream_where_it_was_left() {
        let streams = streams();
        let first = identify(&streams, 7, b"line\n", 100);
        first.set_read(80);
        streams.acknowledge(&first, 50);
        let again = identify(&streams, 7, b"line\n", 120);
        assert_eq!((again.id, again.read(), again.acked()), (first.id, 80, 50));
    }

    #[test]
    fn a_reused_inode_with_another_first_line_is_a_new_stream() {
        let streams = streams();
        let first = identify(&streams, 7, b"line\n", 100);
        let second = identify(&streams, 7, b"another\n", 100);
        assert_ne!(first.id, second.id);
        assert_eq!(second.read(), 0);
    }

    #[test]
    fn a_file_cut_shorter_that_kept_its_first_line_is_a_new_stream() {
        let streams = streams();
        let first = identify(&streams, 7, b"line\n", 100);
        first.set_read(100);
        let cut = identify(&streams, 7, b"line\n", 60);
        assert_ne!(first.id, cut.id);
        assert_eq!((cut.generation, cut.read()), (1, 0));
        cut.set_read(60);
        assert_eq!(identify(&streams, 7, b"line\n", 70).id, cut.id);
        assert_eq!(identify(&streams, 7, b"line\n", 120).id, cut.id, "longer than the first was");
        assert_eq!(identify(&streams, 7, b"line\n", 10).generation, 2);
    }

    #[test]
    fn a_containers_log_is_one_stream_whatever_file_it_is_in() {
        let line = b"2026-11-22T22:36:24.800123456Z stdout F text\n";
        let first = identify(&streams(), 7, line, 100);
        assert_eq!(first.id, identify(&streams(), 8, line, 100).id, "with nothing remembered");
        let streams = streams();
        let first = identify(&streams, 7, line, 100);
        first.set_read(100);
        let copy = identify(&streams, 8, line, 60);
        assert_eq!((copy.id, copy.read()), (first.id, 100), "a copy that isn't complete yet");
        assert_eq!(identify(&streams, 7, line, 60).generation, 1, "cut in place");
    }

    #[test]
    fn a_copy_is_known_by_a_first_line_that_tells_its_moment() {
        let streams = streams();
        let (moment, word) = (b"2026-11-22 22:36:24.800 UTC,,,1,\n", b"starting\n");
        let original = |ino, line: &[u8]| {
            let (file, line) = (FileId { dev: 1, ino }, FirstLine::of(line).unwrap());
            streams.original(streams.source(), file, &line).map(|s| s.id)
        };
        assert_eq!(original(8, moment), None);
        let first = identify(&streams, 7, moment, 100);
        identify(&streams, 7, word, 100);
        assert_eq!(original(8, moment), Some(first.id));
        assert_eq!(original(7, moment), None, "the file itself");
        assert_eq!(original(8, word), None);
    }

    #[test]
    fn files_of_two_pods_that_begin_alike_are_two_streams() {
        let streams = Streams::new(Source::default(), []);
        let of = |pod: &str| Source { pod: Some(pod.into()), ..Source::default() };
        let moment = FirstLine::of(b"2026-11-22T22:36:24.800123456Z stdout F text\n").unwrap();
        let file = |ino| FileId { dev: 1, ino };
        let identify =
            |pod, ino| streams.identify(&of(pod), file(ino), &moment, "/f", 100, UNIX_EPOCH);
        let first = identify("a", 7);
        assert_ne!(first.id, identify("b", 8).id);
        assert_eq!(first.id, identify("a", 9).id);
        assert_eq!(streams.original(&of("a"), file(9), &moment).map(|s| s.id), Some(first.id));
        assert!(streams.original(&of("c"), file(9), &moment).is_none());
    }

    #[test]
    fn only_streams_that_nobody_uses_and_that_are_long_gone_are_forgotten() {
        let streams = streams();
        let held = identify(&streams, 1, b"held\n", 10);
        drop(identify(&streams, 2, b"gone\n", 10));
        streams.forget(UNIX_EPOCH + Duration::from_secs(100));
        assert_eq!(streams.all().len(), 2);
        streams.forget(UNIX_EPOCH + Duration::from_secs(101));
        assert_eq!(streams.all().iter().map(|s| s.id).collect::<Vec<_>>(), [held.id]);
    }
}
