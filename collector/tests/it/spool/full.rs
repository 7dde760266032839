//! A spool that is full, and one that can't be written.

use super::*;
use crate::status;

/// `trunkline-collector`'s own words about what it dropped: how many records, of which file.
fn notices(state: &State) -> Vec<(usize, PathBuf)> {
    let own = state.streams.values().filter(|stored| stored.path == "trunkline-collector");
    own.flat_map(|stored| &stored.rows)
        .map(|(_, text)| {
            let (count, rest) =
                text.strip_prefix("dropped ").unwrap().split_once(" records of ").unwrap();
            let (path, rest) = rest.split_once(", positions ").unwrap();
            assert!(rest.ends_with(": spool full"), "{text}");
            (count.parse().unwrap(), path.into())
        })
        .collect()
}

fn size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}

#[tokio::test]
async fn a_full_spool_lets_files_wait() {
    let mut scene = scene(ByteSize::kib(192)).await;
    let address = status::listen(&mut scene.config);
    let running = Running::start(scene.config.clone());
    let mut written = Written::new();
    for file in 0..4 {
        write(&mut written, scene.path(&format!("{file}.csv")), messages(file, 1000));
    }
    let spool = scene.config.state_dir.join("spool");
    let status =
        status::wait(address, "it to be full", |status| status["spool"]["full"] == true).await;
    assert!(status["spool"]["bytes"].as_u64().unwrap() > 180 << 10, "{status:#}");
    assert_eq!(status["spool"]["when_full"], "block");
    let problems = status["problems"].to_string();
    assert!(problems.contains("the spool is full: nothing more is read"), "{problems}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(size(&spool) <= 192 << 10);
    assert_eq!(scene.receiver.look(|state| count(state)), 0);
    scene.receiver.decide(|_| Fate::Ack);
    all_arrives_once(&scene, &written).await;
    status::wait(address, "room", |status| status["spool"]["full"] == false).await;
    running.stop().await;
}

#[tokio::test]
async fn what_a_full_spool_drops_is_said_and_all_else_arrives() {
    drops(false).await;
}

/// What was dropped of a file's end isn't read again: the spool says how far it was.
#[tokio::test]
async fn what_a_full_spool_dropped_before_the_collector_was_killed_is_said() {
    drops(true).await;
}

async fn drops(killed: bool) {
    let mut scene = scene(ByteSize::kib(256)).await;
    scene.config.spool.when_full = WhenFull::DropOldest;
    let running = Running::start(scene.config.clone());
    let mut written = Written::new();
    // A file's beginning is in the window, its middle is dropped, and its end is in the spool.
    for file in 0..4 {
        let path = scene.path(&format!("{}.csv", file % 2));
        write(&mut written, path.clone(), messages(file, if file == 3 { 300 } else { 2000 }));
        wait("all of it to have been in the spool", || is_spooled(&scene.config, &path)).await;
        assert!(size(&scene.config.state_dir.join("spool")) <= (256 + 64) << 10);
    }
    let running = if killed {
        running.kill().await;
        Running::start(scene.config.clone())
    } else {
        running
    };
    scene.receiver.decide(|_| Fate::Ack);
    let total: usize = written.values().map(Vec::len).sum();
    let arrived = |state: &State| {
        rows(state)
            .iter()
            .filter(|(path, _)| written.contains_key(*path))
            .map(|(_, r)| r.len())
            .sum::<usize>()
    };
    let said = |state: &State| notices(state).iter().map(|(count, _)| count).sum::<usize>();
    all_arrives_or_is_said(&scene, &written).await;
    running.stop().await;
    scene.receiver.look(|state| {
        assert!(said(state) > 1000, "{}", said(state));
        assert_eq!(arrived(state) + said(state), total);
        // The oldest were in the window, and the newest are never what is dropped.
        let rows = rows(state);
        assert_eq!(rows[&scene.path("0.csv")][0], written[&scene.path("0.csv")][0]);
    });
}

/// Waits until each row arrived or is said to be dropped, and no row both.
async fn all_arrives_or_is_said(scene: &Scene, written: &Written) {
    let dropped = |state: &State, path: &Path| -> usize {
        notices(state).iter().filter(|(_, of)| of == path).map(|(count, _)| count).sum()
    };
    let accounted = |state: &State| {
        let rows = rows(state);
        written.iter().all(|(path, texts)| {
            rows.get(path).map_or(0, Vec::len) + dropped(state, path) >= texts.len()
        })
    };
    scene.receiver.wait("all to arrive, or to be said", accounted).await;
    scene.receiver.look(|state| {
        assert_eq!(state.breaches, Vec::<String>::new());
        for (path, texts) in written {
            let rows = rows(state).remove(path).unwrap_or_default();
            assert_eq!(rows.len() + dropped(state, path), texts.len(), "{}", path.display());
            // In order, each once.
            let mut rest = texts.iter();
            assert!(rows.iter().all(|row| rest.any(|text| text == row)), "{}", path.display());
        }
    });
}

/// The end of a file was dropped, and all else was acknowledged: the position moved over what was dropped.
#[tokio::test]
async fn what_was_dropped_is_not_read_after_the_rest_was_acknowledged() {
    drops_ends(false).await;
}

#[tokio::test]
async fn what_was_dropped_of_an_end_is_not_read_by_the_next_collector() {
    drops_ends(true).await;
}

/// Whatever part of a segment the window has.
async fn drops_ends(killed: bool) {
    for window in [32, 36, 40, 44] {
        drops_an_end(killed, ShipCompression::Zstd, ByteSize::kib(window)).await;
    }
    for window in [64, 110] {
        drops_an_end(killed, ShipCompression::None, ByteSize::kib(window)).await;
    }
}

async fn drops_an_end(killed: bool, compression: ShipCompression, window: ByteSize) {
    let mut scene = scene(ByteSize::kib(256)).await;
    scene.config.spool.when_full = WhenFull::DropOldest;
    (scene.config.ship.compression, scene.config.ship.window) = (compression, window);
    let running = Running::start(scene.config.clone());
    let (first, last, mut written) = (scene.path("0.csv"), scene.path("2.csv"), Written::new());
    for file in 0..3 {
        let path = scene.path(&format!("{file}.csv"));
        write(&mut written, path.clone(), messages(file, 1500));
        wait("all of it to have been in the spool", || is_spooled(&scene.config, &path)).await;
    }
    let running = if killed {
        running.kill().await;
        Running::start(scene.config.clone())
    } else {
        running
    };
    scene.receiver.decide(|_| Fate::Ack);
    all_arrives_or_is_said(&scene, &written).await;
    running.stop().await;
    let before = scene.receiver.look(|state| {
        let mut rows = rows(state);
        let first_rows = rows.remove(&first).unwrap_or_default();
        assert!(!first_rows.is_empty() && first_rows.last() != written[&first].last());
        assert_eq!(rows[&last].last(), written[&last].last(), "the newest isn't what is dropped");
        (count(state), notices(state))
    });

    let running = Running::start(scene.config.clone());
    write(&mut written, scene.path("3.csv"), messages(3, 1));
    let next = written[&scene.path("3.csv")][0].clone();
    let has_next = |state: &State| rows(state).values().any(|rows| rows.last() == Some(&next));
    scene.receiver.wait("another row", has_next).await;
    // Had it been read again, it would stand before that.
    running.stop().await;
    scene.receiver.look(|state| {
        assert_eq!((count(state), notices(state)), (before.0 + 1, before.1), "window of {window}");
        assert_eq!(state.breaches, Vec::<String>::new());
    });
}

#[tokio::test]
async fn where_the_spool_cannot_be_written_files_wait_until_it_can() {
    let scene = scene(ByteSize::mib(16)).await;
    fs::create_dir_all(&scene.config.state_dir).unwrap();
    let spool = scene.config.state_dir.join("spool");
    fs::write(&spool, "in the way").unwrap();
    let running = Running::start(scene.config.clone());
    let mut written = Written::new();
    write(&mut written, scene.path("a.csv"), messages(0, 2000));
    scene.receiver.wait("an attempt", |state| !state.arrivals.is_empty()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    fs::remove_file(&spool).unwrap();
    let path = scene.path("a.csv");
    wait("the next attempt", || is_spooled(&scene.config, &path)).await;
    scene.receiver.decide(|_| Fate::Ack);
    all_arrives_once(&scene, &written).await;
    running.stop().await;
}

/// Entries that travel as they are.
#[tokio::test]
async fn what_is_not_compressed_on_its_way_is_compressed_in_the_spool() {
    let mut scene = scene(ByteSize::mib(16)).await;
    scene.config.ship.compression = ShipCompression::None;
    let running = Running::start(scene.config.clone());
    let (path, mut written) = (scene.path("a.csv"), Written::new());
    write(&mut written, path.clone(), (0..5000).map(|n| format!("message {n}")).collect());
    wait("all of it to be in the spool", || is_spooled(&scene.config, &path)).await;
    let (spool, log) = (size(&scene.config.state_dir.join("spool")), fs::metadata(&path).unwrap());
    assert!(spool > 0 && spool < log.len() / 2, "{spool} of {}", log.len());
    running.kill().await;
    let running = Running::start(scene.config.clone());
    scene.receiver.decide(|_| Fate::Ack);
    all_arrives_once(&scene, &written).await;
    running.stop().await;
}
