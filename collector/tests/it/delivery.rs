//! What the ship task promises: order, resends, the window, acks without a gap.

use std::{fs, io::Write, path::Path, time::Duration};

use crate::{
    csvlog::record,
    receiver::{Fate, Receiver},
    running::{Running, config},
};

fn log(dir: &Path, name: &str, messages: impl IntoIterator<Item = String>) {
    fs::create_dir_all(dir.join("log")).unwrap();
    let mut file =
        fs::File::options().create(true).append(true).open(dir.join("log").join(name)).unwrap();
    let text: String = messages.into_iter().map(|message| record(&message)).collect();
    file.write_all(text.as_bytes()).unwrap();
}

fn numbered(prefix: &str, numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|n| format!("{prefix}-{n}")).collect()
}

fn messages(receiver: &Receiver) -> Vec<String> {
    receiver.rows().into_iter().map(|(_, message)| message).collect()
}

fn unbreached(receiver: &Receiver) {
    receiver.look(|state| assert_eq!(state.breaches, Vec::<String>::new()));
}

#[tokio::test]
async fn records_arrive_in_order_and_the_checkpoint_follows_the_acks() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    log(dir.path(), "a.csv", numbered("a", 0..1000));
    let running = Running::start(config(dir.path(), &receiver));
    receiver.wait("1000 rows", |s| s.streams.values().any(|s| s.rows.len() == 1000)).await;
    log(dir.path(), "a.csv", numbered("a", 1000..1010));
    receiver.wait("1010 rows", |s| s.streams.values().any(|s| s.rows.len() == 1010)).await;
    running.stop().await;
    assert_eq!(messages(&receiver), numbered("a", 0..1010));
    let size = fs::metadata(dir.path().join("log/a.csv")).unwrap().len();
    let checkpoint = fs::read_to_string(dir.path().join("state/checkpoint.json")).unwrap();
    assert!(checkpoint.contains(&format!("\"position\": {size}")), "{checkpoint}");

    // A restart begins where the checkpoint says.
    let before = receiver.look(|state| state.arrivals.len());
    let running = Running::start(config(dir.path(), &receiver));
    log(dir.path(), "a.csv", numbered("a", 1010..1011));
    receiver.wait("1011 rows", |s| s.streams.values().any(|s| s.rows.len() == 1011)).await;
    running.stop().await;
    receiver.look(|state| assert_eq!(state.arrivals[before].from, size));
    unbreached(&receiver);
}

#[tokio::test]
async fn a_broken_connection_is_followed_by_everything_unacknowledged_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut count = 0;
    let receiver = Receiver::with(move |_| {
        count += 1;
        match count % 7 {
            3 => Fate::Close,
            5 => Fate::StoreAndClose,
            _ => Fate::Ack,
        }
    })
    .await;
    let mut config = config(dir.path(), &receiver);
    config.chunk.bytes = bytesize::ByteSize::kib(4);
    for file in ["a", "b", "c"] {
        log(dir.path(), &format!("{file}.csv"), numbered(file, 0..2000));
    }
    let running = Running::start(config);
    receiver
        .wait("6000 rows", |s| s.streams.values().map(|s| s.rows.len()).sum::<usize>() == 6000)
        .await;
    running.stop().await;
    receiver.look(|state| {
        for stream in state.streams.values() {
            let name = &stream.rows[0].1[..1];
            let texts: Vec<String> = stream.rows.iter().map(|(_, text)| text.clone()).collect();
            assert_eq!(texts, numbered(name, 0..2000));
            assert!(stream.rows.is_sorted());
        }
        assert!(state.connections > 10);
    });
    unbreached(&receiver);
}

#[tokio::test]
async fn a_lost_ack_costs_a_resend_after_the_timeout_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut count = 0;
    let receiver = Receiver::with(move |_| {
        count += 1;
        if count == 2 { Fate::LoseAck } else { Fate::Ack }
    })
    .await;
    let mut config = config(dir.path(), &receiver);
    config.chunk.bytes = bytesize::ByteSize::kib(4);
    log(dir.path(), "a.csv", numbered("a", 0..200));
    let running = Running::start(config);
    receiver.wait("a second connection", |s| s.connections == 2).await;
    running.stop().await;
    assert_eq!(messages(&receiver), numbered("a", 0..200));
    receiver.look(|state| {
        let first_again =
            state.arrivals.iter().find(|arrival| arrival.connection == 2).unwrap().clone();
        let lost = &state.arrivals[1];
        assert_eq!((first_again.from, first_again.to), (lost.from, lost.to));
        assert_eq!(first_again.acked, lost.from, "told anew with what is acknowledged by now");
    });
    unbreached(&receiver);
}

#[tokio::test]
async fn what_was_sent_and_not_acknowledged_before_a_kill_is_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let mut config = config(dir.path(), &receiver);
    config.ship.ack_timeout = Duration::from_secs(60);
    log(dir.path(), "a.csv", numbered("a", 0..10));
    let running = Running::start(config.clone());
    receiver.wait("10 rows", |s| s.streams.values().any(|s| s.rows.len() == 10)).await;
    receiver.decide(|_| Fate::Ignore);
    log(dir.path(), "a.csv", numbered("a", 10..20));
    receiver.wait("a second message", |s| s.arrivals.len() > 1).await;
    // By now the checkpoint is written, with what was acknowledged.
    tokio::time::sleep(2 * trunkline_collector::checkpoint::WRITE_INTERVAL).await;
    running.kill().await;
    receiver.decide(|_| Fate::Ack);
    let running = Running::start(config);
    receiver.wait("20 rows", |s| s.streams.values().any(|s| s.rows.len() == 20)).await;
    running.stop().await;
    assert_eq!(messages(&receiver), numbered("a", 0..20));
    receiver.look(|state| {
        let last = state.arrivals.last().unwrap();
        assert!(last.from > 0 && last.from == last.acked, "begins at the checkpoint: {last:?}");
    });
    unbreached(&receiver);
}

#[tokio::test]
async fn no_more_than_the_window_is_unacknowledged_and_reading_waits() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::with(|_| Fate::Ignore).await;
    let mut config = config(dir.path(), &receiver);
    config.ship.window = bytesize::ByteSize::kib(64);
    config.ship.ack_timeout = Duration::from_secs(60);
    // Random hexadecimal digits: zstd can't make much of them.
    let noise = |n: u32| -> String {
        (0..64u32).map(|i| format!("{:08x}", (n * 64 + i).wrapping_mul(0x9e37_79b9))).collect()
    };
    log(dir.path(), "a.csv", (0..20_000).map(noise));
    let running = Running::start(config.clone());
    receiver.wait("a full window", |s| arrived(s) >= 64 << 10).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let arrived = receiver.look(|state| arrived(state));
    assert!(arrived < (64 << 10) + (1 << 20), "{arrived} bytes arrived");
    // Once the acks come, everything does.
    receiver.decide(|_| Fate::Ack);
    running.kill().await;
    let running = Running::start(config);
    receiver.wait("all", |s| s.streams.values().any(|s| s.rows.len() == 20_000)).await;
    running.stop().await;
    unbreached(&receiver);
}

fn arrived(state: &crate::receiver::State) -> usize {
    state.arrivals.iter().map(|arrival| arrival.bytes).sum()
}

#[tokio::test]
async fn stopping_ships_what_is_in_the_files_and_gives_up_when_the_grace_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let mut config = config(dir.path(), &receiver);
    // Nothing is read for its age before the end comes.
    config.chunk.age = Duration::from_secs(3600);
    log(dir.path(), "a.csv", numbered("a", 0..10));
    let running = Running::start(config.clone());
    receiver.wait("10 rows", |s| s.streams.values().any(|s| s.rows.len() == 10)).await;
    log(dir.path(), "a.csv", numbered("a", 10..20));
    running.stop().await;
    assert_eq!(messages(&receiver), numbered("a", 0..20), "the last lines of a pod that ends");

    receiver.decide(|_| Fate::Ignore);
    log(dir.path(), "a.csv", numbered("a", 20..30));
    config.shutdown_grace = Duration::from_millis(200);
    config.ship.ack_timeout = Duration::from_secs(60);
    let running = Running::start(config);
    receiver
        .wait("a third message", |s| s.arrivals.iter().any(|a| a.from == a.acked && a.from > 3000))
        .await;
    let started = std::time::Instant::now();
    running.stop().await;
    assert!(started.elapsed() < Duration::from_secs(30), "it waited for an ack");
}

#[tokio::test]
async fn a_receiver_that_comes_late_gets_everything() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let mut config = config(dir.path(), &receiver);
    // Nobody listens there.
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    config.ship.address = unused.to_string().into();
    log(dir.path(), "a.csv", numbered("a", 0..100));
    let running = Running::start(config);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let listener = tokio::net::TcpListener::bind(unused).await.unwrap();
    let forward_to = receiver.address;
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut to = tokio::net::TcpStream::connect(forward_to).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
            });
        }
    });
    receiver.wait("100 rows", |s| s.streams.values().any(|s| s.rows.len() == 100)).await;
    running.stop().await;
    assert_eq!(messages(&receiver), numbered("a", 0..100));
}
