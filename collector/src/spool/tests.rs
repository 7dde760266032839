//! A spool that is full for long, and a disk that fails in between.

use bytesize::ByteSize;
use trunkline_record::SealedChunk;

use super::*;
use crate::{
    identity::{FileId, FirstLine},
    streams::Streams,
};

const MOST: u64 = 64 << 10;
/// Each frame is more than a sixteenth, and so a segment of its own.
const FRAME: usize = 6 << 10;

struct Scene {
    dir: tempfile::TempDir,
    streams: Streams,
    spool: Spool,
    now: Instant,
}

impl Scene {
    fn new() -> Self {
        let (dir, streams) = (tempfile::tempdir().unwrap(), Streams::new(Source::default(), []));
        let spool = open(dir.path(), &streams);
        Self { dir, streams, spool, now: Instant::now() }
    }

    fn stream(&self, file: u64) -> Arc<Stream> {
        let line = FirstLine::of(format!("{file}\n").as_bytes()).unwrap();
        let (id, path) = (FileId { dev: 1, ino: file }, format!("/log/{file}.csv"));
        let source = self.streams.source();
        self.streams.identify(source, id, &line, &path, 0, SystemTime::now())
    }

    /// Ten records of a stream, the `n`th of them.
    fn append(&mut self, stream: &Arc<Stream>, n: u64, bytes: usize) -> Result<(), Refused> {
        let entries = vec![n as u8; bytes].into();
        let (from, to, compression) = (n * 100, n * 100 + 100, Compression::Zstd);
        let sealed = SealedChunk { from, to, records: 10, rejected: 0, compression, entries };
        let chunk = Chunk { stream: Arc::clone(stream), source: Arc::default(), sealed };
        self.spool.append(&chunk, self.now)
    }
}

fn open(dir: &std::path::Path, streams: &Streams) -> Spool {
    let (max_size, when_full) = (ByteSize::b(MOST), WhenFull::DropOldest);
    let config = SpoolConfig { max_size, when_full, ..SpoolConfig::default() };
    Spool::open(&config, dir, streams, &|_| false, SpoolMetrics::default()).unwrap()
}

/// Takes all out: records of files, the notices' records, and what those say.
fn take_all(spool: &mut Spool) -> (u64, u64, u64) {
    let (mut records, mut said, mut losses) = (0, 0, Losses::default());
    while let Some(Taken { chunk, segment }) = spool.take() {
        let head = Head::of(&chunk);
        if head.is_of_a_file() {
            records += head.count();
        } else {
            said += head.count();
            assert!(losses.add_notice(&head, &chunk.sealed.entries));
        }
        if let Some(segment) = segment {
            spool.release(segment);
        }
    }
    (records, said, losses.records())
}

/// A collector that nobody takes anything from for weeks, and a few files that are written all the time.
#[test]
fn notices_take_no_more_room_the_longer_it_lasts() {
    const CHUNKS: u64 = 3_000;
    let mut scene = Scene::new();
    for n in 0..CHUNKS {
        let stream = scene.stream(n % 8);
        let appended = scene.append(&stream, n / 8, FRAME);
        assert_eq!(appended, Ok(()), "after {n}");
        assert!(scene.spool.bytes() <= MOST + (8 << 10), "{} after {n}", scene.spool.bytes());
    }
    let (records, said, dropped) = take_all(&mut scene.spool);
    assert_eq!(records + dropped, CHUNKS * 10);
    assert!(records > 40, "{records} records are left");
    assert!(said < 400, "{said} records about it");
}

#[test]
fn nothing_is_dropped_before_it_could_be_said() {
    let mut scene = Scene::new();
    let stream = scene.stream(1);
    let mut n = 0;
    while scene.spool.bytes() + FRAME as u64 * 2 < MOST {
        scene.append(&stream, n, FRAME).unwrap();
        n += 1;
    }
    // The next segments can't be made: their names are taken.
    let taken: Vec<_> = (0..3)
        .map(|more| segment::path(scene.dir.path(), scene.spool.next_number + more))
        .collect();
    for path in &taken {
        fs::write(path, "").unwrap();
    }
    for _ in &taken {
        let failed = scene.append(&stream, n, FRAME * 3);
        assert_eq!(failed, Err(Refused::Failed));
        assert_eq!(scene.spool.metrics.dropped.get(), 0);
        scene.now += RETRY;
    }
    assert_eq!(scene.spool.waiting[&stream.id].frames, n);
    for path in taken {
        fs::remove_file(path).unwrap();
    }
    scene.append(&stream, n, FRAME * 3).unwrap();
    let dropped = scene.spool.metrics.dropped.get();
    assert!(dropped > 0);
    // Each forward chunk that is taken out is of the stream whose checkpoint follows the acks.
    let mut records = 0;
    while let Some(Taken { chunk, .. }) = scene.spool.take() {
        if Head::of(&chunk).is_of_a_file() {
            assert!(Arc::ptr_eq(&chunk.stream, &stream));
            records += u64::from(chunk.sealed.records);
        } else {
            assert_eq!(chunk.sealed.records, 1);
        }
    }
    assert_eq!(records + dropped, (n + 1) * 10);
}
