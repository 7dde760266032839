//! The checkpoint survives what can happen to a file and to its directory.

use std::time::{Duration, UNIX_EPOCH};

use trunkline_record::Source;

use super::*;
use crate::identity::{FileId, FirstLine};

struct Scene {
    _dir: tempfile::TempDir,
    state_dir: StateDir,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state_dir = StateDir::open(&dir.path().join("deep/state")).unwrap();
        Self { _dir: dir, state_dir }
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new(&self.state_dir)
    }
}

fn streams() -> Streams {
    let streams = Streams::new(Source::default(), []);
    for (ino, position) in [(1, 100), (2, u64::MAX)] {
        let line = FirstLine::of(b"line\n").unwrap();
        let seen = UNIX_EPOCH + Duration::from_secs(1_800_000_000 + ino);
        let file = FileId { dev: 9, ino };
        let stream = streams.identify(streams.source(), file, &line, "/log/\"ü\"\n.csv", 0, seen);
        streams.acknowledge(&stream, position);
    }
    streams
}

fn shown(streams: impl IntoIterator<Item = Stream>) -> Vec<String> {
    let mut shown: Vec<String> = streams.into_iter().map(|stream| format!("{stream:?}")).collect();
    shown.sort();
    shown
}

#[test]
fn what_was_written_is_read() {
    let scene = Scene::new();
    assert!(scene.checkpoint().load().unwrap().is_empty());
    let all = streams().all();
    scene.checkpoint().save(&all).unwrap();
    let read = scene.checkpoint().load().unwrap();
    let mut positions: Vec<_> =
        read.iter().map(|s| (s.id, s.acked(), s.read(), s.path.clone(), s.seen())).collect();
    positions.sort_by_key(|(id, ..)| id.0);
    let expected: Vec<_> =
        all.iter().map(|s| (s.id, s.acked(), s.acked(), s.path.clone(), s.seen())).collect();
    assert_eq!(positions, expected);
    assert_eq!(shown(read), shown(scene.checkpoint().load().unwrap()));
}

#[test]
fn a_checkpoint_that_cannot_be_understood_is_put_aside_and_reading_starts_over() {
    let scene = Scene::new();
    let path = scene.checkpoint().path();
    for (n, text) in
        ["", "{\"version\":\"1\",\"streams\":[{\"str", "{\"version\":\"99\"}"].iter().enumerate()
    {
        fs::write(&path, text).unwrap();
        assert!(scene.checkpoint().load().unwrap().is_empty());
        let aside = path.with_file_name(format!("checkpoint.json.corrupt-{}", n + 1));
        assert_eq!(fs::read_to_string(aside).unwrap(), *text);
        assert!(!path.exists());
    }
}

#[test]
fn what_a_crash_left_half_written_does_not_count() {
    let scene = Scene::new();
    scene.checkpoint().save(&streams().all()).unwrap();
    fs::write(scene.state_dir.path().join(TEMPORARY), "half").unwrap();
    assert_eq!(scene.checkpoint().load().unwrap().len(), 2);
    scene.checkpoint().save(&streams().all()).unwrap();
    assert_eq!(scene.checkpoint().load().unwrap().len(), 2);
}

#[test]
fn a_state_directory_has_one_collector() {
    let scene = Scene::new();
    let error = StateDir::open(scene.state_dir.path()).unwrap_err();
    assert!(matches!(error, StateDirError::InUse { .. }), "{error}");
    let path = scene.state_dir.path().to_owned();
    drop(scene.state_dir);
    StateDir::open(&path).unwrap();
}

#[test]
fn a_state_directory_that_cannot_be_made_is_one_clear_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = StateDir::open(&file.path().join("state")).unwrap_err().to_string();
    assert!(error.starts_with("state_dir: "), "{error}");
    assert!(error.contains("cannot be written"), "{error}");
    assert_eq!(error.lines().count(), 1);
}

#[tokio::test]
async fn a_failing_write_is_counted_shown_and_tried_again() {
    let scene = Scene::new();
    let (streams, metrics) = (Arc::new(streams()), Metrics::default());
    // A directory where the temporary file should go: not even root can write that.
    let temporary = scene.state_dir.path().join(TEMPORARY);
    fs::create_dir(&temporary).unwrap();
    write(&scene.checkpoint(), &streams, &metrics).await;
    assert_eq!((metrics.checkpoint_failures.get(), metrics.checkpoint_writes.get()), (1, 0));
    assert!(metrics.checkpoint_failing.load(Relaxed));

    fs::remove_dir(&temporary).unwrap();
    let stop = CancellationToken::new();
    let keeping = keep(scene.checkpoint(), Arc::clone(&streams), metrics.clone(), stop.clone());
    let task = tokio::spawn(keeping);
    while metrics.checkpoint_writes.get() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!metrics.checkpoint_failing.load(Relaxed));
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn it_is_written_at_most_once_a_second() {
    let scene = Scene::new();
    let (streams, metrics) = (Arc::new(streams()), Metrics::default());
    let stop = CancellationToken::new();
    let task =
        tokio::spawn(keep(scene.checkpoint(), Arc::clone(&streams), metrics.clone(), stop.clone()));
    let stream = streams.all().remove(0);
    for to in 0..100 {
        streams.acknowledge(&stream, to);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(metrics.checkpoint_writes.get(), 1);
    stop.cancel();
    task.await.unwrap();
}
