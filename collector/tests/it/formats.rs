//! Each file in the format that its records tell.

use std::{fs, time::Duration};

use crate::{
    csvlog::record,
    running::Running,
    scene::{Scene, a_moment, texts},
};

/// A line of a server's stderr log.
pub fn stderr(message: &str) -> String {
    format!("2026-11-22 23:06:32.715 UTC [4711] {message}\n")
}

/// A line of a container's log.
pub fn cri(nanos: usize, text: &str) -> String {
    format!("2026-11-22T23:06:32.{nanos:09}Z stderr F {text}\n")
}

async fn scene() -> Scene {
    let mut scene = Scene::new().await;
    scene.config.files[0].path = scene.path("*").display().to_string();
    scene
}

#[tokio::test]
async fn each_file_is_read_in_the_format_that_its_first_records_tell() {
    let mut scene = scene().await;
    scene.config.tail.record_pause = Duration::from_millis(50);
    let json = "{\"timestamp\":\"2026-11-22 22:36:24.800 UTC\",\"pid\":1,\
                \"error_severity\":\"LOG\",\"message\":\"from jsonlog\"}\n";
    scene.append("a", &record("from csvlog"));
    scene.append("b", json);
    scene.append("c", &stderr("LOG:  from stderr\n\tand on"));
    scene.append("d", "2026-11-22 22:36:24,800 INFO: from Patroni\n");
    scene.append("e", &cri(1, stderr("LOG:  from a container").trim_end()));
    let running = Running::start(scene.config.clone());
    let expected =
        ["from csvlog", "from jsonlog", "from stderr\nand on", "from Patroni", "from a container"];
    scene.arrives(&expected).await;
    running.stop().await;
}

#[tokio::test]
async fn a_record_that_a_line_could_continue_waits_for_it() {
    let mut scene = scene().await;
    // The test doesn't last that long.
    scene.config.tail.record_pause = Duration::from_secs(600);
    scene.append("a", &(stderr("LOG:  one") + &stderr("ERROR:  two")));
    let running = Running::start(scene.config.clone());
    scene.arrives(&["one"]).await;
    a_moment().await;
    scene.arrives(&["one"]).await;
    scene.append("a", &(stderr("DETAIL:  of two") + &stderr("LOG:  three")));
    scene.arrives(&["one", "two"]).await;
    // A stopping collector can't wait.
    running.stop().await;
    scene.arrives(&["one", "two", "three"]).await;
    scene.receiver.look(|state| {
        assert!(state.streams.values().all(|stream| stream.rows.len() == 3));
    });
}

#[tokio::test]
async fn a_record_that_waits_is_not_lost_when_its_file_is_cut() {
    let mut scene = scene().await;
    scene.config.tail.record_pause = Duration::from_secs(600);
    scene.append("a", &(stderr("LOG:  one") + &stderr("LOG:  two")));
    let running = Running::start(scene.config.clone());
    scene.arrives(&["one"]).await;
    // Longer than before: only its first line tells that it isn't the same.
    let next: String =
        ["three", "four", "five"].map(|text| stderr(&format!("LOG:  {text}"))).concat();
    fs::write(scene.path("a"), next).unwrap();
    scene.arrives(&["one", "two", "three", "four"]).await;
    fs::write(scene.path("a"), stderr("LOG:  six")).unwrap();
    scene.arrives(&["one", "two", "three", "four", "five"]).await;
    running.stop().await;
    scene.arrives(&["one", "two", "three", "four", "five", "six"]).await;
}

#[tokio::test]
async fn a_last_record_is_whole_when_its_writer_has_paused() {
    let mut scene = scene().await;
    scene.config.tail.record_pause = Duration::from_millis(100);
    scene.append("a", &stderr("LOG:  one"));
    let running = Running::start(scene.config.clone());
    scene.arrives(&["one"]).await;
    scene.append("a", &stderr("LOG:  two"));
    scene.arrives(&["one", "two"]).await;
    scene.append("a", &stderr("LOG:  torn")[..40]);
    a_moment().await;
    scene.arrives(&["one", "two"]).await;
    scene.append("a", &stderr("LOG:  torn")[40..]);
    scene.arrives(&["one", "two", "torn"]).await;
    running.stop().await;
}

#[tokio::test]
async fn lines_that_tell_no_format_wait_for_one_that_does() {
    let mut scene = scene().await;
    scene.config.tail.record_pause = Duration::from_millis(50);
    scene.append("a", "starting up\n");
    scene.append("b", "the rest of something\",,\n");
    let running = Running::start(scene.config.clone());
    a_moment().await;
    scene.arrives(&[]).await;
    scene.append("a", &stderr("LOG:  one"));
    scene.append("b", &record("two"));
    scene
        .receiver
        .wait("both", |state| {
            let texts = texts(state);
            ["starting up", "one", "two"].iter().all(|text| texts.iter().any(|t| t == text))
        })
        .await;
    running.stop().await;
}

#[tokio::test]
async fn lines_that_tell_no_format_until_their_file_is_gone_are_not_lost() {
    let scene = scene().await;
    scene.append("a", "one\ntwo\n");
    let running = Running::start(scene.config.clone());
    a_moment().await;
    fs::remove_file(scene.path("a")).unwrap();
    scene.arrives(&["one", "two"]).await;
    running.stop().await;
}

#[tokio::test]
async fn files_that_tell_no_format_keep_no_others_out() {
    let mut scene = scene().await;
    scene.config.tail.open_files = 2;
    scene.config.tail.record_pause = Duration::from_millis(50);
    for n in 0..6 {
        scene.append(&format!("{n}"), "who knows\n");
    }
    scene.append("a", &record("one"));
    let running = Running::start(scene.config.clone());
    scene.receiver.wait("the record", |state| texts(state).iter().any(|text| text == "one")).await;
    running.stop().await;
}

#[tokio::test]
async fn many_lines_that_tell_no_format_are_lines() {
    let scene = scene().await;
    let lines: String = (0..60_000).map(|n| format!("{n:-<90}\n")).collect();
    scene.append("a", &lines);
    let running = Running::start(scene.config.clone());
    scene.receiver.wait("all but the last", |state| texts(state).len() >= 59_999).await;
    running.stop().await;
    scene.receiver.look(|state| assert_eq!(texts(state).len(), 60_000));
}
