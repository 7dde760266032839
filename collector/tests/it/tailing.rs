//! What happens to files, one case at a time.

use std::{
    fs::{self, File},
    time::Duration,
};

use bytesize::ByteSize;

use crate::{
    csvlog::record,
    receiver::Fate,
    running::Running,
    scene::{Scene, a_moment, append, texts},
};

#[tokio::test]
async fn a_torn_last_record_waits_for_its_rest() {
    let scene = Scene::new().await;
    let two = record("two\nwith lines");
    scene.append("a.csv", &(record("one") + &two[..150]));
    let running = Running::start(scene.config.clone());
    scene.arrives(&["one"]).await;
    a_moment().await;
    scene.append("a.csv", &two[150..]);
    scene.arrives(&["one", "two\nwith lines"]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_first_line_that_is_not_whole_waits_for_its_rest() {
    let scene = Scene::new().await;
    let one = record("one");
    scene.append("a.csv", "");
    scene.append("b.csv", &one[..50]);
    let running = Running::start(scene.config.clone());
    a_moment().await;
    scene.append("a.csv", &record("zero"));
    scene.append("b.csv", &one[50..]);
    scene.arrives(&["one", "zero"]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_deleted_file_is_read_to_its_end_and_its_torn_record_rejected() {
    let scene = Scene::new().await;
    scene.append("a.csv", &record("one"));
    let running = Running::start(scene.config.clone());
    scene.arrives(&["one"]).await;
    let three = &record("three")[..100];
    scene.append("a.csv", &(record("two") + three));
    fs::remove_file(scene.path("a.csv")).unwrap();
    scene.arrives(&["one", "two", &format!("!{three}")]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_file_that_is_deleted_while_the_window_is_full_is_not_lost() {
    let mut scene = Scene::new().await;
    scene.config.ship.window = ByteSize::kib(64);
    scene.config.chunk.bytes = ByteSize::kib(64);
    scene.receiver.decide(|_| Fate::Ignore);
    // Far more than the window holds: hexadecimal digits that zstd can only halve.
    let noise = |n: u32| -> String {
        (0..64).map(|i| format!("{:08x}", (n * 64 + i).wrapping_mul(0x9e37_79b9))).collect()
    };
    scene.append("a.csv", &(0..4000).map(|n| record(&noise(n))).collect::<String>());
    let running = Running::start(scene.config.clone());
    scene.receiver.wait("a message", |state| !state.arrivals.is_empty()).await;
    a_moment().await;
    scene.append("b.csv", &record("brief"));
    a_moment().await;
    fs::remove_file(scene.path("b.csv")).unwrap();
    scene.receiver.decide(|_| Fate::Ack);
    scene.receiver.wait("all", |state| texts(state).len() == 4001).await;
    running.stop().await;
}

#[tokio::test]
async fn a_replaced_file_is_complete_after_a_while_and_opened_again_when_it_grows() {
    let mut scene = Scene::new().await;
    scene.config.tail.finished_after = Duration::from_millis(400);
    let two = &record("two")[..120];
    scene.append("a.csv", &(record("one") + two));
    let running = Running::start(scene.config.clone());
    scene.arrives(&["one"]).await;
    a_moment().await;
    // Without a newer file it could go on for ever.
    a_moment().await;
    a_moment().await;
    scene.arrives(&["one"]).await;
    scene.append("b.csv", &record("three"));
    let torn = format!("!{two}");
    scene.arrives(&["one", &torn, "three"]).await;
    a_moment().await;
    scene.append("a.csv", &record("late"));
    scene.arrives(&["one", &torn, "three", "late"]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_file_that_is_renamed_out_of_the_glob_is_followed_on() {
    let scene = Scene::new().await;
    scene.append("a.csv", &record("one"));
    let running = Running::start(scene.config.clone());
    scene.arrives(&["one"]).await;
    fs::rename(scene.path("a.csv"), scene.path("a.old")).unwrap();
    scene.append("a.csv", &record("two"));
    scene.arrives(&["one", "two"]).await;
    scene.append("a.old", &record("three"));
    scene.arrives(&["one", "two", "three"]).await;
    running.stop().await;
    scene.receiver.look(|state| assert_eq!(state.streams.len(), 2));
}

#[tokio::test]
async fn a_file_behind_a_link_is_followed() {
    let scene = Scene::new().await;
    let elsewhere = scene.dir.path().join("elsewhere");
    append(&elsewhere, &record("one"));
    std::os::unix::fs::symlink(&elsewhere, scene.path("a.csv")).unwrap();
    let running = Running::start(scene.config.clone());
    scene.arrives(&["one"]).await;
    append(&elsewhere, &record("two"));
    scene.arrives(&["one", "two"]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_directory_that_appears_later_is_found() {
    let mut scene = Scene::new().await;
    scene.config.files[0].path = format!("{}/later/*/x/*.csv", scene.dir.path().display());
    let running = Running::start(scene.config.clone());
    a_moment().await;
    let dir = scene.dir.path().join("later/pod/x");
    fs::create_dir_all(&dir).unwrap();
    append(&dir.join("a.csv"), &record("one"));
    scene.arrives(&["one"]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_file_that_is_cut_is_a_new_stream_even_if_it_begins_as_before() {
    let scene = Scene::new().await;
    scene.append("a.csv", &(record("first") + &record("two")));
    let running = Running::start(scene.config.clone());
    scene.arrives(&["first", "two"]).await;
    File::options().write(true).open(scene.path("a.csv")).unwrap().set_len(0).unwrap();
    a_moment().await;
    scene.append("a.csv", &record("first"));
    scene.arrives(&["first", "first", "two"]).await;
    scene.append("a.csv", &record("three"));
    scene.arrives(&["first", "first", "two", "three"]).await;
    running.stop().await;
    scene.receiver.look(|state| assert_eq!(state.streams.len(), 2));

    // And so it stays after a restart.
    let running = Running::start(scene.config.clone());
    scene.append("a.csv", &record("four"));
    scene.arrives(&["first", "first", "two", "three", "four"]).await;
    running.stop().await;
    scene.receiver.look(|state| assert_eq!(state.streams.len(), 2));
}

#[tokio::test]
async fn a_file_that_is_cut_and_written_anew_before_anyone_looks_is_a_new_stream() {
    let scene = Scene::new().await;
    scene.append("a.csv", &record("one"));
    let running = Running::start(scene.config.clone());
    scene.arrives(&["one"]).await;
    for round in 0..20 {
        // Longer each time: only the first line tells.
        let text: Vec<String> = (0..=round).map(|n| format!("{round}-{n}")).collect();
        let content: String = text.iter().map(|text| record(text)).collect();
        fs::write(scene.path("a.csv"), content).unwrap();
        scene
            .receiver
            .wait("the new content", |state| {
                let all = texts(state);
                text.iter().all(|text| all.contains(text))
            })
            .await;
    }
    running.stop().await;
    scene.receiver.look(|state| {
        assert_eq!(texts(state).len(), 1 + (1..=20).sum::<usize>());
        assert_eq!(state.streams.len(), 21);
    });
}

#[tokio::test]
async fn a_record_that_is_too_long_is_rejected_and_the_next_one_read() {
    let mut scene = Scene::new().await;
    scene.config.tail.read_buffer = ByteSize::kib(4);
    scene.config.tail.max_record = ByteSize::kib(100);
    let long = record(&"x".repeat(1_000_000));
    let lines = record(&"y\n".repeat(500_000));
    let fits = "z".repeat(90_000);
    let text = [record("one"), long.clone(), record("two"), lines.clone(), record(&fits)].concat();
    scene.append("a.csv", &text);
    let running = Running::start(scene.config.clone());
    let kept = 64 << 10;
    let (long, lines) = (format!("!{}", &long[..kept]), format!("!{}", &lines[..kept]));
    scene.arrives(&["one", &long, "two", &lines, &fits]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_small_file_does_not_wait_behind_a_large_one() {
    let mut scene = Scene::new().await;
    scene.config.chunk.bytes = ByteSize::kib(64);
    scene.append("large.csv", &record(&"x".repeat(400)).repeat(20_000));
    scene.append("small.csv", &record("small"));
    let running = Running::start(scene.config.clone());
    scene.receiver.wait("all", |state| texts(state).len() == 20_001).await;
    running.stop().await;
    scene.receiver.look(|state| {
        let small = *state.streams.iter().find(|(_, s)| s.path.contains("small")).unwrap().0;
        let at = state.arrivals.iter().position(|arrival| arrival.stream == small).unwrap();
        assert!(at <= 2, "{at} of {}", state.arrivals.len());
    });
}

#[tokio::test]
async fn two_names_of_one_file_are_read_once() {
    let scene = Scene::new().await;
    scene.append("a.csv", &record("one"));
    fs::hard_link(scene.path("a.csv"), scene.path("b.csv")).unwrap();
    let running = Running::start(scene.config.clone());
    scene.arrives(&["one"]).await;
    fs::remove_file(scene.path("a.csv")).unwrap();
    scene.append("b.csv", &record("two"));
    scene.arrives(&["one", "two"]).await;
    running.stop().await;
}
