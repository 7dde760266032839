//! Peers that mean harm, or nothing in particular: each is refused, counted and logged, costs little memory, and disturbs nobody.

mod bomb;

use std::io::Write;

use bytes::BytesMut;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trunkline_forward::Compression;
use trunkline_forward::client::{Client, Credentials, Event};
use trunkline_forward::handshake::SALT;
use trunkline_harness::wait::eventually_true;
use trunkline_harness::{Database, Store, procfs};
use trunkline_it::{PATIENCE, Pipeline, csvlog_record};

/// What the ingester may take in a debug build, whatever is thrown at it.
const MOST_MEMORY: u64 = 200 << 20;
/// Connections on which nothing is said; ten thousand in the long mode.
const IDLE: usize = 2_000;
/// How many of them are let in.
const CONNECTIONS: usize = 1_500;

/// An ingester among bad peers, and a collector that ships all the time.
struct Scene {
    pipeline: Pipeline,
    log: std::fs::File,
    written: u32,
    _directory: TempDir,
    _database: Database,
}

impl Scene {
    async fn new(configure: impl FnOnce(Pipeline) -> Pipeline) -> Self {
        let database = Store::database().await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("good.csv").display().to_string();
        let pipeline = Pipeline::new(database.url(), |config| {
            config.files(&path, "csvlog").set("ship.shared_key", "the key")
        })
        .unwrap();
        let key = json!([{"name": "fleet", "shared_key": "the key"}]);
        let mut pipeline = configure(pipeline.ingester_setting("forward.credentials", key));
        pipeline.start().unwrap();
        pipeline.ready().await.unwrap();
        let log = std::fs::File::create_new(&path).unwrap();
        let mut scene =
            Self { pipeline, log, written: 0, _directory: directory, _database: database };
        scene.good_peer_delivers().await;
        scene
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.pipeline.forward_address()).await.unwrap()
    }

    /// A connection of somebody who holds the key.
    async fn insider(&self) -> TcpStream {
        let mut socket = self.connect().await;
        let ping = self.ping(&mut socket, b"the key").await;
        socket.write_all(&ping).await.unwrap();
        // PONG says true first.
        let pong = read_some(&mut socket).await;
        assert!(pong.starts_with(b"\x95\xa4PONG\xc3"), "{pong:x?}");
        socket
    }

    /// What answers the HELO of this connection.
    async fn ping(&self, socket: &mut TcpStream, key: &[u8]) -> Vec<u8> {
        let credentials =
            Credentials { hostname: "peer".into(), shared_key: key.to_vec(), user: None };
        let mut client = Client::with_credentials(credentials, [7; SALT]);
        let mut helo = BytesMut::new();
        loop {
            helo.extend_from_slice(&read_some(socket).await);
            if let Some(Event::Helo(ping)) = client.receive(&mut helo).unwrap() {
                return ping;
            }
        }
    }

    async fn refused(&self, reason: &str) -> u64 {
        let metrics = reqwest::get(self.pipeline.url("/metrics")).await.unwrap();
        let count = format!("trunkline_ingester_refused_total{{reason=\"{reason}\"}} ");
        let metrics = metrics.text().await.unwrap();
        let count = metrics.lines().find_map(|line| line.strip_prefix(&count));
        count.map_or(0, |count| count.parse().unwrap())
    }

    /// How many lines of the ingester's log are about a refused connection.
    fn logged(&self) -> u64 {
        let log = std::fs::read(self.pipeline.directory().join("ingester.log")).unwrap();
        let log = String::from_utf8_lossy(&log);
        log.lines().filter(|line| line.contains("connection refused")).count() as u64
    }

    /// Sends `bytes`, and expects one refusal for this reason, a line about it, and the connection's end.
    async fn check(&self, what: &str, mut socket: TcpStream, bytes: &[u8], reason: &str) {
        let (counted, logged) = (self.refused(reason).await, self.logged());
        // It may be refused before it has said everything.
        let _ = socket.write_all(bytes).await;
        if reason == "truncated" {
            let _ = socket.shutdown().await;
        }
        eventually_true(&format!("{what} to be refused as {reason}"), PATIENCE, || async {
            Ok(self.refused(reason).await == counted + 1 && self.logged() == logged + 1)
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", self.pipeline.logs()));
        self.ends(what, socket, b"").await;
    }

    /// Sends `bytes` and nothing more, and expects the connection's end.
    async fn ends(&self, what: &str, mut socket: TcpStream, bytes: &[u8]) {
        let _ = socket.write_all(bytes).await;
        let _ = socket.shutdown().await;
        let mut rest = Vec::new();
        let end = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut rest)).await;
        // A reset is as good an end.
        let _ = end.unwrap_or_else(|_| panic!("{what}: still open\n{}", self.pipeline.logs()));
    }

    /// Has the collector ship another record, and waits for its row.
    async fn good_peer_delivers(&mut self) {
        self.written += 1;
        let record = csvlog_record(self.written, "LOG", "from the good peer");
        self.log.write_all(record.as_bytes()).unwrap();
        let client = self.pipeline.connect().await.unwrap();
        eventually_true("the good peer's record", PATIENCE, || async {
            let row = client.query_one("SELECT count(*) FROM log.postgres", &[]).await?;
            Ok(row.get::<_, i64>(0) == i64::from(self.written))
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", self.pipeline.logs()));
    }

    /// Expects that the ingester is the process that was started, and never took much memory.
    fn memory_was_bounded(&self) {
        let ingester = self.pipeline.ingester.as_ref().unwrap();
        let most = ingester.peak_rss_bytes().unwrap();
        println!("ingester: {} MiB at most", most >> 20);
        assert!(most < MOST_MEMORY, "{} MiB", most >> 20);
    }
}

async fn read_some(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 << 10);
    tokio::time::timeout(PATIENCE, socket.read_buf(&mut bytes)).await.unwrap().unwrap();
    assert!(!bytes.is_empty(), "closed");
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_speak_the_protocol_is_refused_and_others_go_on() {
    let mut scene =
        Scene::new(|pipeline| pipeline.ingester_setting("forward.message_timeout", "2s")).await;
    for (what, bytes, reason) in [
        ("a byte that is no MessagePack", b"\xc1".to_vec(), "protocol"),
        ("a frame of 4 GiB", b"\x93\xa1t\xc6\xff\xff\xff\xff".to_vec(), "too_large"),
        ("an array of 4 G values", b"\xdd\xff\xff\xff\xff".to_vec(), "too_large"),
        ("a frame that ends nowhere", b"\x93\xa1t\xc6\x00\x10\x00\x00half".to_vec(), "timeout"),
        ("a frame that is cut off", b"\x93\xa1t\xc6\x00\x10\x00\x00half".to_vec(), "truncated"),
        ("a message within a million arrays", nested(1 << 20), "protocol"),
    ] {
        scene.check(what, scene.insider().await, &bytes, reason).await;
        scene.good_peer_delivers().await;
    }
    // From a stranger a PING is all that is read, and it is short.
    scene.check("a long PING", scene.connect().await, &[0x91; 64 << 10], "too_large").await;

    // Good Forward, and a value that nobody's stack is deep enough for: whatever is made of it, it costs this connection at most.
    let mut deep = b"\x93\xa8postgres\x91\x92\x01\x81\xa3log".to_vec();
    deep.extend(nested(1 << 20));
    deep.extend(b"\x80");
    scene.ends("a deep value", scene.insider().await, &deep).await;
    scene.good_peer_delivers().await;

    let seed = std::env::var("TRUNKLINE_SEED").map_or(4711, |seed| seed.parse().unwrap());
    let mut random = StdRng::seed_from_u64(seed);
    let mut known = 0;
    for _ in 0..100 {
        let mut bytes = vec![0; random.random_range(1..100_000)];
        random.fill_bytes(&mut bytes);
        let insider = random.random_bool(0.5);
        let peer = if insider { scene.insider().await } else { scene.connect().await };
        known += u32::from(insider);
        scene.ends(&format!("random bytes of seed {seed}"), peer, &bytes).await;
    }
    assert!((20..80).contains(&known), "{known} of 100 knew the key");
    scene.good_peer_delivers().await;
    scene.memory_was_bounded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gibibyte_packed_into_little_is_not_unpacked() {
    let mut scene = Scene::new(|pipeline| pipeline).await;
    let counted = scene.refused("undecodable").await;
    let mut peers = Vec::new();
    for compression in [Compression::Gzip, Compression::Zstd] {
        for content in [bomb::Content::Zeros, bomb::Content::OneEntry] {
            let bomb = tokio::task::spawn_blocking(move || bomb::message(compression, content));
            let bomb = bomb.await.unwrap();
            assert!(bomb.len() < 8 << 20, "{compression:?}: {} bytes", bomb.len());
            scene.check("a bomb", scene.insider().await, &bomb, "undecodable").await;
            peers.push(bomb);
        }
    }
    scene.good_peer_delivers().await;
    // All at once, and several of each.
    let mut sockets = Vec::new();
    for bomb in peers.iter().chain(&peers).chain(&peers) {
        let mut socket = scene.insider().await;
        socket.write_all(bomb).await.unwrap();
        sockets.push(socket);
    }
    let all = counted + (peers.len() + sockets.len()) as u64;
    eventually_true("all bombs to be refused", PATIENCE, || async {
        Ok(scene.refused("undecodable").await == all)
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", scene.pipeline.logs()));
    scene.good_peer_delivers().await;
    scene.memory_was_bounded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_and_somebody_elses_ping_are_refused() {
    let mut scene = Scene::new(|pipeline| pipeline).await;
    let mut stranger = scene.connect().await;
    let ping = scene.ping(&mut stranger, b"a guess").await;
    scene.check("a wrong key", stranger, &ping, "unknown_client").await;

    let mut good = scene.connect().await;
    let overheard = scene.ping(&mut good, b"the key").await;
    good.write_all(&overheard).await.unwrap();
    assert!(read_some(&mut good).await.starts_with(b"\x95\xa4PONG\xc3"));
    let mut replay = scene.connect().await;
    read_some(&mut replay).await;
    scene.check("a replayed PING", replay, &overheard, "unknown_client").await;
    scene.good_peer_delivers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_on_which_nothing_is_said_are_closed_and_others_go_on() {
    let idle = if std::env::var_os("TRUNKLINE_LONG").is_some() { 10_000 } else { IDLE };
    procfs::raise_open_files().unwrap();
    let mut scene = Scene::new(|pipeline| {
        pipeline
            .ingester_setting("forward.handshake_timeout", "3s")
            .ingester_setting("forward.max_connections", CONNECTIONS)
    })
    .await;
    let logged = scene.logged();
    let mut sockets = Vec::new();
    for _ in 0..idle {
        sockets.push(scene.connect().await);
    }
    scene.good_peer_delivers().await;
    for socket in &mut sockets {
        // HELO or not, it ends.
        let mut heard = Vec::new();
        let end = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut heard)).await;
        let _ = end.expect("an idle connection to be closed");
    }
    let (full, silent) = (scene.refused("connections").await, scene.refused("timeout").await);
    println!("{idle} idle connections: {full} too many, {silent} silent for too long");
    assert_eq!(full + silent, idle as u64);
    assert!(silent > 0 && full > 0);
    assert_eq!(scene.logged(), logged + idle as u64);
    scene.good_peer_delivers().await;
    scene.memory_was_bounded();
}

/// A value within so many arrays of one.
fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = vec![0x91; depth];
    bytes.push(0xc0);
    bytes
}
