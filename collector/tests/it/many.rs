//! Thousands of files, and places without file events.

use std::{fs::File, io::Write, time::Duration};

use trunkline_collector::config::WatchMode;

use crate::{
    csvlog::record,
    running::Running,
    scene::{Scene, texts},
};

const FILES: usize = 3000;

async fn all_arrive(watch: WatchMode) {
    let mut scene = Scene::new().await;
    scene.config.tail.open_files = 64;
    scene.config.tail.watch = watch;
    // A look through the names each time that room is needed would take for ever.
    scene.config.tail.poll_interval = Duration::from_millis(250);
    for file in 0..FILES {
        let text: String = (0..3).map(|n| record(&format!("{file}-{n}"))).collect();
        let mut file = File::create(scene.path(&format!("{file}.csv"))).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
    let running = Running::start(scene.config.clone());
    scene.receiver.wait("all", |state| texts(state).len() == 3 * FILES).await;
    scene.append("7.csv", &record("later"));
    scene.append("2999.csv", &record("later"));
    scene.append("new.csv", &record("new"));
    scene.receiver.wait("what came later", |state| texts(state).len() == 3 * FILES + 3).await;
    running.stop().await;
    scene.receiver.look(|state| {
        assert_eq!((state.streams.len(), &state.breaches), (FILES + 1, &Vec::new()));
    });
}

#[tokio::test]
async fn all_of_thousands_of_files_are_read_with_few_of_them_open() {
    all_arrive(WatchMode::Auto).await;
}

#[tokio::test]
async fn all_is_found_without_file_events() {
    all_arrive(WatchMode::Poll).await;
}
