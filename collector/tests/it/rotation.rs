//! What rotation does to files: copies, compressed ones, names that come again.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    time::Duration,
};

use bytesize::ByteSize;

use crate::{
    csvlog::record,
    formats::{cri, stderr},
    receiver::Fate,
    running::Running,
    scene::{Scene, a_moment, append, texts},
};

/// Compresses as kubelet and logrotate do: into a temporary file, which then takes the name.
pub fn gzip(from: &Path, to: &Path) {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&fs::read(from).unwrap()).unwrap();
    // No glob of these tests matches it.
    let temporary = to.parent().unwrap().parent().unwrap().join("temporary");
    fs::write(&temporary, encoder.finish().unwrap()).unwrap();
    fs::rename(temporary, to).unwrap();
}

fn cut(path: &Path) {
    File::options().write(true).open(path).unwrap().set_len(0).unwrap();
}

fn container(from: usize, to: usize) -> (String, Vec<String>) {
    let message = |n: usize| format!("message {n}");
    let text = (from..to).map(|n| cri(n, stderr(&format!("LOG:  {}", message(n))).trim_end()));
    (text.collect(), (from..to).map(message).collect())
}

#[tokio::test]
async fn a_containers_log_is_the_same_stream_when_it_is_compressed_and_nothing_is_remembered() {
    let mut scene = Scene::new().await;
    scene.config.files[0].path = scene.path("*.log*").display().to_string();
    scene.config.tail.record_pause = Duration::from_millis(50);
    let (first, mut expected) = container(0, 50);
    scene.append("0.log", &first);
    let running = Running::start(scene.config.clone());
    let all = |expected: &[String]| {
        let mut sorted = expected.to_vec();
        sorted.sort();
        sorted
    };
    let (scene, arrive) = (&scene, async |expected: &[String]| {
        let sorted = all(expected);
        scene.receiver.wait("all", |state| texts(state) == sorted).await;
    });
    arrive(&expected).await;
    running.stop().await;

    let (more, messages) = container(50, 80);
    expected.extend(messages);
    scene.append("0.log", &more);
    fs::rename(scene.path("0.log"), scene.path("0.log.20261122-230632")).unwrap();
    gzip(&scene.path("0.log.20261122-230632"), &scene.path("0.log.20261122-230632.gz"));
    fs::remove_file(scene.path("0.log.20261122-230632")).unwrap();
    let (next, messages) = container(80, 100);
    expected.extend(messages);
    scene.append("0.log", &next);
    let running = Running::start(scene.config.clone());
    arrive(&expected).await;
    running.stop().await;

    fs::remove_dir_all(&scene.config.state_dir).unwrap();
    let (more, messages) = container(100, 110);
    expected.extend(messages);
    scene.append("0.log", &more);
    let running = Running::start(scene.config.clone());
    arrive(&expected).await;
    a_moment().await;
    running.stop().await;
    arrive(&expected).await;
    scene.receiver.look(|state| {
        assert_eq!((state.streams.len(), &state.breaches), (2, &Vec::new()));
    });
}

#[tokio::test]
async fn a_compressed_file_that_was_never_seen_is_read_from_its_start() {
    let mut scene = Scene::new().await;
    scene.config.chunk.bytes = ByteSize::kib(4);
    scene.config.tail.read_buffer = ByteSize::kib(4);
    let text = |from, to| (from..to).map(|n| record(&format!("{n}"))).collect::<String>();
    scene.append("plain", &text(0, 2000));
    gzip(&scene.path("plain"), &scene.path("a.csv.gz"));
    fs::write(scene.path("b.csv.zst"), zstd::encode_all(text(2000, 4000).as_bytes(), 1).unwrap())
        .unwrap();
    scene.append("c.csv", &text(4000, 5000));
    let running = Running::start(scene.config.clone());
    scene.receiver.wait("all", |state| texts(state).len() == 5000).await;
    running.stop().await;
    scene.receiver.look(|state| {
        assert_eq!(state.streams.len(), 3);
        for stream in state.streams.values() {
            let numbers: Vec<u32> = stream.rows.iter().map(|(_, n)| n.parse().unwrap()).collect();
            assert!(numbers.is_sorted_by(|a, b| a + 1 == *b), "in order");
        }
    });
}

#[tokio::test]
async fn a_file_that_is_compressed_while_it_is_followed_comes_once() {
    let scene = Scene::new().await;
    scene.append("a.csv", &record("one"));
    let running = Running::start(scene.config.clone());
    scene.arrives(&["one"]).await;
    fs::rename(scene.path("a.csv"), scene.path("a.csv.1")).unwrap();
    scene.append("a.csv", &record("two"));
    append(&scene.path("a.csv.1"), &record("last"));
    gzip(&scene.path("a.csv.1"), &scene.path("a.csv.1.gz"));
    a_moment().await;
    fs::remove_file(scene.path("a.csv.1")).unwrap();
    scene.arrives(&["one", "last", "two"]).await;
    // Until the deleted file was given up, and the compressed one looked through.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    scene.arrives(&["one", "last", "two"]).await;
    running.stop().await;
    scene.receiver.look(|state| assert_eq!(state.streams.len(), 2));
}

#[tokio::test]
async fn a_compressed_file_that_is_damaged_gives_what_is_whole_and_the_rest_when_it_is_mended() {
    let scene = Scene::new().await;
    let noise = |n: u32| format!("{n}-{:08x}", n.wrapping_mul(0x9e37_79b9));
    scene.append("plain", &(0..20_000).map(|n| record(&noise(n))).collect::<String>());
    gzip(&scene.path("plain"), &scene.path("whole"));
    let whole = fs::read(scene.path("whole")).unwrap();
    fs::write(scene.path("a.csv.gz"), &whole[..whole.len() / 2]).unwrap();
    scene.append("b.csv", &record("other"));
    let running = Running::start(scene.config.clone());
    // All that can be read of it, which is less than fills a forward chunk.
    scene.receiver.wait("a part", |state| texts(state).len() > 9_000).await;
    a_moment().await;
    fs::write(scene.path("a.csv.gz"), &whole).unwrap();
    scene.receiver.wait("all", |state| texts(state).len() == 20_001).await;
    running.stop().await;
    scene.receiver.look(|state| assert_eq!(state.streams.len(), 2));
}

#[tokio::test]
async fn what_was_cut_before_it_was_read_is_read_from_the_copy() {
    let scene = Scene::new().await;
    scene.append("a.csv", &(record("one") + &record("two")));
    let running = Running::start(scene.config.clone());
    scene.arrives(&["one", "two"]).await;
    running.stop().await;
    scene.append("a.csv", &record("three"));
    fs::copy(scene.path("a.csv"), scene.path("a.csv.1")).unwrap();
    cut(&scene.path("a.csv"));
    scene.append("a.csv", &record("four"));
    let running = Running::start(scene.config.clone());
    scene.arrives(&["one", "two", "three", "four"]).await;
    a_moment().await;
    scene.arrives(&["one", "two", "three", "four"]).await;
    running.stop().await;
    scene.receiver.look(|state| assert_eq!(state.streams.len(), 2));
}

#[tokio::test]
async fn a_file_that_is_copied_and_cut_while_nothing_can_be_sent_comes_once() {
    let mut scene = Scene::new().await;
    scene.config.ship.window = ByteSize::kib(64);
    scene.config.chunk.bytes = ByteSize::kib(16);
    scene.receiver.decide(|_| Fate::Ignore);
    let noise = |n: u32| -> String {
        (0..64).map(|i| format!("{:08x}", (n * 64 + i).wrapping_mul(0x9e37_79b9))).collect()
    };
    scene.append("a.csv", &(0..4000).map(|n| record(&noise(n))).collect::<String>());
    let running = Running::start(scene.config.clone());
    scene.receiver.wait("a message", |state| !state.arrivals.is_empty()).await;
    fs::copy(scene.path("a.csv"), scene.path("a.csv.1")).unwrap();
    cut(&scene.path("a.csv"));
    scene.append("a.csv", &record("after"));
    a_moment().await;
    scene.receiver.decide(|_| Fate::Ack);
    scene.receiver.wait("all", |state| texts(state).len() == 4001).await;
    a_moment().await;
    running.stop().await;
    scene.receiver.look(|state| {
        assert_eq!((texts(state).len(), state.streams.len()), (4001, 2));
    });
}

#[tokio::test]
async fn files_that_only_begin_alike_are_two() {
    let scene = Scene::new().await;
    scene.append("a.csv", &record("begin"));
    let running = Running::start(scene.config.clone());
    scene.arrives(&["begin"]).await;
    scene.append("b.csv", &(record("begin") + &record("b")));
    scene.arrives(&["begin", "begin", "b"]).await;
    scene.append("a.csv", &record("a"));
    scene.arrives(&["begin", "a", "begin", "b"]).await;
    running.stop().await;
    scene.receiver.look(|state| assert_eq!(state.streams.len(), 2));
}

#[tokio::test]
async fn a_name_that_comes_again_is_a_new_stream_though_the_file_has_outgrown_the_old_one() {
    let scene = Scene::new().await;
    scene.append("postgresql-Mon.csv", &record("monday"));
    let running = Running::start(scene.config.clone());
    scene.arrives(&["monday"]).await;
    running.stop().await;
    let week = ["next", "monday", "is longer"].map(record).concat();
    fs::write(scene.path("postgresql-Mon.csv"), week).unwrap();
    let running = Running::start(scene.config.clone());
    scene.arrives(&["monday", "next", "monday", "is longer"]).await;
    running.stop().await;
    scene.receiver.look(|state| assert_eq!(state.streams.len(), 2));
}

#[tokio::test]
async fn a_file_behind_a_link_is_read_to_its_end_when_the_link_means_another_one() {
    let mut scene = Scene::new().await;
    let pods = scene.dir.path().join("pods");
    fs::create_dir(&pods).unwrap();
    std::os::unix::fs::symlink(pods.join("0.csv"), scene.path("x.csv")).unwrap();
    // Only an event can tell in time.
    scene.config.tail.poll_interval = Duration::from_secs(600);
    append(&pods.join("0.csv"), &record("one"));
    let running = Running::start(scene.config.clone());
    scene.arrives(&["one"]).await;
    append(&pods.join("0.csv"), &record("two"));
    fs::rename(pods.join("0.csv"), pods.join("0.csv.20261122")).unwrap();
    append(&pods.join("0.csv"), &record("three"));
    scene.arrives(&["one", "two", "three"]).await;
    running.stop().await;
}
