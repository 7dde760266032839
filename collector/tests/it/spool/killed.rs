//! The real process, killed with SIGKILL at any moment; and its memory.

use std::process::{Child, Command, Stdio};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;

/// A process that ends with its test, however that ends.
struct Process(Child);

impl Process {
    /// SIGKILL.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(scene: &Scene) -> Process {
    let file = scene.dir.path().join("collector.toml");
    let config = &scene.config;
    let text = format!(
        "state_dir = {:?}\n[[files]]\npath = {:?}\nformat = \"csvlog\"\n[source]\npod = \"pod-0\"\n\
         [ship]\naddress = \"{}\"\nwindow = \"{}B\"\nbackoff_max = \"10ms\"\nack_timeout = \"300ms\"\n\
         [chunk]\nbytes = \"{}B\"\nage = \"5ms\"\n[tail]\npoll_interval = \"20ms\"\n\
         [spool]\nmax_size = \"{}B\"\nafter = \"20ms\"\n[http]\nlisten = \"\"\n[log]\nlevel = \"off\"\n",
        config.state_dir,
        scene.path("*.csv"),
        scene.receiver.address,
        config.ship.window.as_u64(),
        config.chunk.bytes.as_u64(),
        config.spool.max_size.as_u64(),
    );
    fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline-collector"));
    command.args(["run", "--config"]).arg(&file).env_clear().stdin(Stdio::null());
    Process(command.spawn().unwrap())
}

/// Of what the test does; of the processes it repeats no more than processes do.
fn seed() -> u64 {
    let seed = std::env::var("TRUNKLINE_SEED").map(|seed| seed.parse().unwrap());
    let seed = seed.unwrap_or_else(|_| u64::from(rand::random::<u32>()));
    println!("seed: run again with TRUNKLINE_SEED={seed}");
    seed
}

fn rounds() -> usize {
    std::env::var("SPOOL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(12)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_killed_at_any_moment_loses_and_repeats_nothing() {
    let scene = scene(ByteSize::mib(64)).await;
    let mut written = Written::new();
    let mut source = StdRng::seed_from_u64(seed());
    let mut random = |most: u64| source.random::<u64>() % most;
    let mut child = start(&scene);
    for round in 0..rounds() {
        write(
            &mut written,
            scene.path(&format!("{round}.csv")),
            messages(round, 100 + random(400) as usize),
        );
        let again = scene.path(&format!("{}.csv", random(round as u64 + 1)));
        if again.exists() {
            write(&mut written, again, messages(1000 + round, random(200) as usize));
        }
        // Mostly away; sometimes it takes something, and its acks are lost on the way.
        let mut takes = random(40) * random(2);
        let fates = [Fate::Ack, Fate::LoseAck, Fate::StoreAndClose, Fate::Ignore];
        scene.receiver.decide(move |arrival| {
            takes = takes.saturating_sub(1);
            if takes == 0 { Fate::Close } else { fates[(arrival.from % 4) as usize] }
        });
        tokio::time::sleep(Duration::from_millis(random(400))).await;
        child.kill();
        // Whatever is in the spool, or arrived and acknowledged, may go.
        for path in written.keys().filter(|path| path.exists()) {
            if random(2) == 0 && is_spooled(&scene.config, path) {
                fs::remove_file(path).unwrap();
            }
        }
        child = start(&scene);
    }
    scene.receiver.decide(|_| Fate::Ack);
    all_arrives_once(&scene, &written).await;
    child.kill();
}

const RECORDS: usize = 16_000;

/// A file has more bytes than this in the spool.
const FILE_PACKED: u64 = 1_500_000;

fn bytes(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}

/// How many files of 5 MB.
fn files() -> usize {
    std::env::var("SPOOL_FILES").ok().and_then(|files| files.parse().ok()).unwrap_or(10)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_backlog_takes_disk_and_no_memory() {
    let mut scene = scene(ByteSize::gib(1)).await;
    scene.config.ship.window = ByteSize::mib(8);
    scene.config.chunk.bytes = ByteSize::mib(1);
    let mut child = start(&scene);
    let mut written = Written::new();
    let files = files();
    for file in 0..files {
        write(&mut written, scene.path(&format!("{file}.csv")), messages(file, RECORDS));
    }
    // Looking into a large spool takes long.
    let size = || bytes(&scene.config.state_dir.join("spool"));
    for file in 1..=files {
        wait("a file to be in the spool", || size() > file as u64 * FILE_PACKED).await;
    }
    let spooled = size();
    scene.receiver.decide(|_| Fate::Ack);
    for file in 1..=files {
        scene.receiver.wait("a file", |state| count(state) >= file * RECORDS).await;
    }
    all_arrives_once(&scene, &written).await;
    let status = fs::read_to_string(format!("/proc/{}/status", child.0.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    child.kill();
    println!("{files} files, spooled {spooled} bytes, peak {peak} kB");
    assert!(peak < 48 << 10, "{peak} kB");
}
