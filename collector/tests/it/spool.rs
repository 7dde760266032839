//! What the spool promises: files may go while the receiver is away, the collector may be killed at any
//! moment, segments may be damaged; each record arrives once, in order, or is said to be lost.

mod damage;
mod full;
mod killed;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytesize::ByteSize;
use trunkline_collector::{
    config::{Config, ShipCompression, WhenFull},
    spool::{read::Item, segment},
};

use crate::{
    csvlog::record,
    receiver::{Fate, PATIENCE, State},
    running::Running,
    scene::{Scene, append},
};

/// A scene with a small window, a spool of this size, and a receiver that is away.
async fn scene(size: ByteSize) -> Scene {
    let mut scene = Scene::new().await;
    scene.config.ship.window = ByteSize::kib(64);
    scene.config.chunk.bytes = ByteSize::kib(4);
    scene.config.spool.max_size = size;
    scene.config.spool.after = Duration::from_millis(20);
    scene.config.shutdown_grace = Duration::from_millis(50);
    scene.receiver.decide(|_| Fate::Close);
    scene
}

/// Messages that don't get much smaller by compression.
fn messages(file: usize, count: usize) -> Vec<String> {
    let noise = || (0..12).map(|_| format!("{:016x}", rand::random::<u64>())).collect::<String>();
    (0..count).map(|n| format!("{file}-{n} {}", noise())).collect()
}

/// What was written, by path.
type Written = BTreeMap<PathBuf, Vec<String>>;

fn write(written: &mut Written, path: PathBuf, messages: Vec<String>) {
    let text: String = messages.iter().map(|message| record(message)).collect();
    append(&path, &text);
    written.entry(path).or_default().extend(messages);
}

/// Up to which position each file is in the spool.
fn spooled(state_dir: &Path) -> BTreeMap<PathBuf, u64> {
    let dir = state_dir.join("spool");
    let mut ends = BTreeMap::new();
    for number in segment::numbers(&dir).unwrap() {
        // It may be removed just now.
        let Ok(mut frames) = segment::frames(&dir, number, 0) else { continue };
        while let Ok(Item::Frame(head, _)) = frames.next(true) {
            let end = ends.entry(PathBuf::from(head.path)).or_insert(0);
            *end = head.to.max(*end);
        }
    }
    ends
}

async fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn is_spooled(config: &Config, path: &Path) -> bool {
    let size = fs::metadata(path).unwrap().len();
    spooled(&config.state_dir).get(path).is_some_and(|&end| end >= size)
}

/// The rows of each file, in the order of arrival.
fn rows(state: &State) -> Written {
    let mut rows = Written::new();
    for stored in state.streams.values() {
        let texts = stored.rows.iter().map(|(_, text)| text.clone());
        rows.entry(PathBuf::from(&stored.path)).or_default().extend(texts);
    }
    rows
}

fn count(state: &State) -> usize {
    state.streams.values().map(|stored| stored.rows.len()).sum()
}

async fn all_arrives_once(scene: &Scene, written: &Written) {
    let expected: usize = written.values().map(Vec::len).sum();
    scene.receiver.wait(&format!("{expected} rows"), |state| count(state) >= expected).await;
    scene.receiver.look(|state| {
        assert!(rows(state) == *written, "other rows than were written");
        assert_eq!(state.breaches, Vec::<String>::new());
    });
}

#[tokio::test]
async fn files_that_go_while_the_receiver_is_away_arrive_in_order_after_it_is_back() {
    let scene = scene(ByteSize::mib(16)).await;
    let running = Running::start(scene.config.clone());
    let mut written = Written::new();
    for file in 0..10 {
        let path = scene.path(&format!("{file}.csv"));
        write(&mut written, path.clone(), messages(file, 400));
        wait("the file to be in the spool", || is_spooled(&scene.config, &path)).await;
        fs::remove_file(path).unwrap();
    }
    assert_eq!(scene.receiver.look(|state| count(state)), 0);

    // Also after the machine stopped, with nothing but the spool and the checkpoint.
    running.kill().await;
    let running = Running::start(scene.config.clone());
    // What is read while there is a backlog goes behind it.
    write(&mut written, scene.path("late.csv"), messages(99, 100));
    scene.receiver.decide(|_| Fate::Ack);
    all_arrives_once(&scene, &written).await;

    wait("the disk to be given back", || {
        segment::numbers(&scene.config.state_dir.join("spool")).unwrap().is_empty()
    })
    .await;
    // And nothing goes through it any more.
    write(&mut written, scene.path("late.csv"), messages(99, 100));
    all_arrives_once(&scene, &written).await;
    assert!(segment::numbers(&scene.config.state_dir.join("spool")).unwrap().is_empty());
    running.stop().await;
}

#[tokio::test]
async fn a_file_that_is_deleted_before_its_acks_is_in_the_spool_though_the_window_has_room() {
    let mut scene = scene(ByteSize::mib(16)).await;
    scene.config.spool.after = Duration::from_secs(3600);
    let running = Running::start(scene.config.clone());
    let (path, mut written) = (scene.path("a.csv"), Written::new());
    write(&mut written, path.clone(), messages(0, 10));
    scene.receiver.wait("an attempt", |state| !state.arrivals.is_empty()).await;
    let size = fs::metadata(&path).unwrap().len();
    fs::remove_file(&path).unwrap();
    let end = || spooled(&scene.config.state_dir).get(&path).copied();
    wait("the file to be in the spool", || end() == Some(size)).await;
    running.kill().await;
    scene.receiver.decide(|_| Fate::Ack);
    let running = Running::start(scene.config.clone());
    all_arrives_once(&scene, &written).await;
    running.stop().await;
}

#[tokio::test]
async fn a_collector_that_is_stopped_puts_into_the_spool_what_it_could_not_ship() {
    let mut scene = scene(ByteSize::mib(16)).await;
    scene.config.spool.after = Duration::from_secs(3600);
    let running = Running::start(scene.config.clone());
    let (path, mut written) = (scene.path("a.csv"), Written::new());
    write(&mut written, path.clone(), messages(0, 10));
    scene.receiver.wait("an attempt", |state| !state.arrivals.is_empty()).await;
    running.stop().await;
    fs::remove_file(&path).unwrap();
    scene.receiver.decide(|_| Fate::Ack);
    let running = Running::start(scene.config.clone());
    all_arrives_once(&scene, &written).await;
    running.stop().await;
}

/// Fills the spool from files that stay, and kills the collector.
async fn killed_with_a_backlog(scene: &Scene) -> Written {
    let mut written = Written::new();
    let running = Running::start(scene.config.clone());
    for file in 0..3 {
        write(&mut written, scene.path(&format!("{file}.csv")), messages(file, 600));
    }
    wait("all to be in the spool", || written.keys().all(|path| is_spooled(&scene.config, path)))
        .await;
    running.kill().await;
    written
}

#[tokio::test]
async fn without_its_checkpoint_the_spool_tells_how_far_files_were_read() {
    let scene = scene(ByteSize::mib(16)).await;
    let written = killed_with_a_backlog(&scene).await;
    let _ = fs::remove_file(scene.config.state_dir.join("checkpoint.json"));
    let running = Running::start(scene.config.clone());
    scene.receiver.decide(|_| Fate::Ack);
    all_arrives_once(&scene, &written).await;
    running.stop().await;
    // Each forward chunk was sent from the spool: none begins where none began before.
    scene.receiver.look(|state| {
        let mut taken = state.arrivals.clone();
        taken.dedup_by_key(|arrival| (arrival.stream, arrival.from, arrival.to));
        for stream in state.streams.keys() {
            let mut of: Vec<_> = taken.iter().filter(|a| a.stream == *stream).collect();
            of.sort_by_key(|arrival| (arrival.from, arrival.to));
            of.dedup_by_key(|arrival| (arrival.from, arrival.to));
            assert!(of.windows(2).all(|pair| pair[0].to == pair[1].from), "{of:?}");
        }
    });
}

#[tokio::test]
async fn without_the_spool_files_are_read_again_from_what_was_acknowledged() {
    let scene = scene(ByteSize::mib(16)).await;
    let mut acks = 10;
    scene.receiver.decide(move |_| {
        acks -= i32::from(acks > 0);
        if acks > 0 { Fate::Ack } else { Fate::Close }
    });
    let written = killed_with_a_backlog(&scene).await;
    fs::remove_dir_all(scene.config.state_dir.join("spool")).unwrap();
    let running = Running::start(scene.config.clone());
    scene.receiver.decide(|_| Fate::Ack);
    all_arrives_once(&scene, &written).await;
    running.stop().await;
}
