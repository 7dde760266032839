//! Random lives of log files against a simple model: whatever is appended, renamed, copied, compressed,
//! deleted, cut, restarted, killed and lost, each record arrives once, in order, at its position.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::PathBuf,
    time::Duration,
};

use proptest::prelude::*;
use tempfile::TempDir;

use crate::{
    csvlog::record,
    formats::{cri, stderr},
    receiver::{Fate, Receiver, State},
    rotation::gzip,
    running::{Running, config},
};

#[derive(Clone, Debug)]
enum Step {
    /// Whole records, and then as much of another one.
    Append { file: usize, records: usize, torn: usize },
    /// A new file under a new name.
    Create,
    /// The file gets another name, and a new one takes its place.
    Rotate { file: usize },
    /// More is written, and then the file is deleted.
    Delete { file: usize, records: usize, torn: usize },
    /// The file is cut to nothing, in place, and written anew.
    Cut { file: usize, records: usize },
    /// More is written, the file is copied, and cut before that can have been read.
    CopyAndCut { file: usize, records: usize },
    /// More is written, and a compressed file takes the file's place for good.
    Compress { file: usize, records: usize },
    /// The collector is stopped or killed; the next step that needs it starts it again.
    Down { kill: bool, lose_checkpoint: bool },
    /// It runs (again).
    Up,
    /// From here on every so many messages one meets this fate.
    Fates { every: usize, fate: Fate },
    /// A moment passes.
    Pause { ms: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let file = 0..8_usize;
    let torn = prop_oneof![3 => Just(0_usize), 1 => 1..200_usize];
    let fate = prop::sample::select(vec![
        Fate::Ack,
        Fate::LoseAck,
        Fate::StoreAndClose,
        Fate::Close,
        Fate::Ignore,
    ]);
    prop_oneof![
        12 => (file.clone(), 0..40_usize, torn.clone())
            .prop_map(|(file, records, torn)| Step::Append { file, records, torn }),
        2 => Just(Step::Create),
        3 => file.clone().prop_map(|file| Step::Rotate { file }),
        1 => (file.clone(), 0..40_usize, torn)
            .prop_map(|(file, records, torn)| Step::Delete { file, records, torn }),
        1 => (file.clone(), 0..40_usize).prop_map(|(file, records)| Step::Cut { file, records }),
        1 => (file.clone(), 0..40_usize)
            .prop_map(|(file, records)| Step::CopyAndCut { file, records }),
        1 => (file, 0..40_usize).prop_map(|(file, records)| Step::Compress { file, records }),
        2 => (any::<bool>(), prop::bool::weighted(0.3))
            .prop_map(|(kill, lose_checkpoint)| Step::Down { kill, lose_checkpoint }),
        2 => Just(Step::Up),
        1 => (2..9_usize, fate).prop_map(|(every, fate)| Step::Fates { every, fate }),
        4 => (0..60_u64).prop_map(|ms| Step::Pause { ms }),
    ]
}

/// What the files hold.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Csvlog,
    /// The last record waits for a pause.
    Stderr,
    /// The same in containers' logs: a file is the same stream whatever becomes of it, and nothing has to
    /// be remembered for that.
    Cri,
}

impl Kind {
    fn record(self, n: usize, message: &str) -> String {
        let line = || stderr(&format!("LOG:  {message}"));
        match self {
            Self::Csvlog => record(message),
            Self::Stderr => line(),
            Self::Cri => cri(n, line().trim_end_matches('\n')),
        }
    }

    fn message(self, n: usize) -> String {
        let rest = "…".repeat(n % 30);
        match self {
            Self::Csvlog => format!("record {n}\n\"quoted\", {rest}"),
            // Between the lines of one record the test could be held up for longer than the pause.
            Self::Stderr | Self::Cri => format!("record {n}, {rest}"),
        }
    }
}

/// A file from its first byte to its end; being cut begins another life.
#[derive(Debug, Default)]
struct Life {
    path: PathBuf,
    written: Vec<(u64, String)>,
    size: u64,
    /// The rest of a record whose beginning was written, and that beginning.
    torn: Option<(String, String)>,
    gone: bool,
    /// What must arrive as rejected, in the end.
    rejected: Option<String>,
}

struct World {
    dir: TempDir,
    receiver: Receiver,
    running: Option<Running>,
    kind: Kind,
    few_open: bool,
    /// A copy was made that only what is remembered can tell from a file of its own.
    must_remember: bool,
    /// What was read may not be remembered.
    forgetful: bool,
    lives: Vec<Life>,
    names: usize,
    records: usize,
}

impl World {
    async fn new(kind: Kind, few_open: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("log")).unwrap();
        let receiver = Receiver::start().await;
        let mut world = Self {
            dir,
            receiver,
            running: None,
            kind,
            few_open,
            must_remember: false,
            forgetful: false,
            lives: Vec::new(),
            names: 0,
            records: 0,
        };
        world.create();
        world
    }

    fn up(&mut self) {
        if self.running.is_none() {
            let mut config = config(self.dir.path(), &self.receiver);
            // Small enough for several forward chunks, and for several turns of one file.
            config.chunk.bytes = bytesize::ByteSize::kib(4);
            config.tail.read_buffer = bytesize::ByteSize::kib(4);
            config.tail.record_pause = Duration::from_millis(30);
            if self.few_open {
                config.tail.open_files = 2;
            }
            self.running = Some(Running::start(config));
        }
    }

    fn new_name(&mut self, ending: &str) -> PathBuf {
        self.names += 1;
        self.dir.path().join(format!("log/{}.csv{ending}", self.names))
    }

    fn create(&mut self) {
        let path = self.new_name("");
        File::create_new(&path).unwrap();
        self.lives.push(Life { path, ..Life::default() });
    }

    /// Which life a step means: one of those that are not gone.
    fn pick(&self, file: usize) -> Option<usize> {
        let alive: Vec<usize> = (0..self.lives.len()).filter(|&at| !self.lives[at].gone).collect();
        (!alive.is_empty()).then(|| alive[file % alive.len()])
    }

    fn append(&mut self, at: usize, records: usize, torn: usize) {
        let life = &mut self.lives[at];
        let mut text = String::new();
        if let Some((_, rest)) = life.torn.take() {
            text += &rest;
        }
        let mut end = life.size + text.len() as u64;
        for _ in 0..records {
            self.records += 1;
            let message = self.kind.message(self.records);
            let line = self.kind.record(self.records, &message);
            life.written.push((end, message));
            end += line.len() as u64;
            text += &line;
        }
        // The record before a torn line may belong together with it: it would have to wait, too.
        if torn > 0 && self.kind == Kind::Csvlog {
            self.records += 1;
            let message = format!("torn {}\nand whole later", self.records);
            let line = record(&message);
            // Without its last few bytes it could pass for a whole one.
            let (begin, rest) = line.split_at(torn.min(line.len() - 10));
            life.torn = Some((begin.to_owned(), rest.to_owned()));
            life.written.push((end, message));
            text += begin;
        }
        life.size += text.len() as u64;
        // In two writes, as a server's buffer may have it.
        let mut file = File::options().append(true).open(&life.path).unwrap();
        let half = text.len() / 2;
        file.write_all(&text.as_bytes()[..half]).unwrap();
        file.write_all(&text.as_bytes()[half..]).unwrap();
    }

    /// Cuts the file; what is written then is another life.
    fn cut(&mut self, path: PathBuf, records: usize) {
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        self.lives.push(Life { path, ..Life::default() });
        self.append(self.lives.len() - 1, records, 0);
    }

    /// Whether a copy can be known for one, which takes a checkpoint that has its stream, except where
    /// the first line alone names the stream. From then on the checkpoint must be kept.
    fn can_copy(&mut self) -> bool {
        if self.kind == Kind::Cri {
            return true;
        }
        self.must_remember |= !self.forgetful;
        !self.forgetful
    }

    async fn take(&mut self, step: &Step) {
        match *step {
            Step::Append { file, records, torn } => {
                if let Some(at) = self.pick(file) {
                    self.append(at, records, torn);
                }
            }
            Step::Create => self.create(),
            Step::Rotate { file } => {
                if let Some(at) = self.pick(file) {
                    let to = self.new_name(".old");
                    let from = std::mem::replace(&mut self.lives[at].path, to.clone());
                    fs::rename(&from, to).unwrap();
                    File::create_new(&from).unwrap();
                    self.lives.push(Life { path: from, ..Life::default() });
                }
            }
            Step::Delete { file, records, torn } => {
                // A file that isn't open when it is deleted is lost, and with few of them allowed open
                // that can be any.
                let Some(at) = self.pick(file).filter(|_| !self.few_open) else { return };
                self.up();
                self.append(at, 1, 0);
                // Once this has arrived the file is open, and what follows is read to the end.
                let last = self.lives[at].written.last().map(|(_, text)| text.clone()).unwrap();
                self.receiver.wait("the file to be open", |state| has(state, &last)).await;
                self.append(at, records, torn);
                fs::remove_file(&self.lives[at].path).unwrap();
                let life = &mut self.lives[at];
                life.gone = true;
                if let Some((begin, _)) = life.torn.take() {
                    life.written.pop();
                    life.rejected = Some(format!("!{begin}"));
                }
                self.settle().await;
            }
            Step::Cut { file, records } => {
                let Some(at) = self.pick(file) else { return };
                self.up();
                self.settle().await;
                if self.lives[at].torn.take().is_some() {
                    self.lives[at].written.pop();
                }
                self.lives[at].gone = true;
                let path = self.lives[at].path.clone();
                self.cut(path, records);
            }
            Step::CopyAndCut { file, records } => {
                let Some(at) = self.pick(file).filter(|_| self.can_copy()) else { return };
                // The record that is torn is whole before it is copied.
                self.append(at, records + 1, 0);
                let to = self.new_name(".1");
                let from = std::mem::replace(&mut self.lives[at].path, to.clone());
                fs::copy(&from, to).unwrap();
                self.lives[at].gone = true;
                self.cut(from, records);
            }
            Step::Compress { file, records } => {
                let Some(at) = self.pick(file).filter(|_| self.can_copy()) else { return };
                self.append(at, records + 1, 0);
                let to = self.new_name(".gz");
                let from = std::mem::replace(&mut self.lives[at].path, to.clone());
                gzip(&from, &to);
                fs::remove_file(from).unwrap();
                self.lives[at].gone = true;
            }
            Step::Down { kill, lose_checkpoint } => {
                let safe = self.must_remember;
                if let Some(running) = self.running.take() {
                    if kill && !safe { running.kill().await } else { running.stop().await }
                }
                self.forgetful |= (kill || lose_checkpoint) && !safe;
                if lose_checkpoint && !safe {
                    let _ = fs::remove_dir_all(self.dir.path().join("state"));
                }
            }
            Step::Up => self.up(),
            Step::Fates { every, fate } => {
                // Scattered: with a fixed beat, a resend could meet the same fate for ever.
                let mut chance = every;
                self.receiver.decide(move |_| {
                    chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    if (chance >> 33) % every == 0 { fate } else { Fate::Ack }
                });
            }
            Step::Pause { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
        }
    }

    /// Waits until everything that is whole has arrived, and what is lost for good is rejected.
    async fn settle(&self) {
        let expected: usize = self.lives.iter().map(|life| life.expected().len()).sum();
        let enough = |state: &State| {
            state.streams.values().map(|stream| stream.rows.len()).sum::<usize>() >= expected
        };
        self.receiver.wait(&format!("{expected} rows"), enough).await;
    }

    fn check(&self) {
        self.receiver.look(|state| {
            assert_eq!(state.breaches, Vec::<String>::new());
            let mut stored: BTreeMap<String, Vec<(u64, String)>> = state
                .streams
                .values()
                .filter_map(|stream| Some((stream.rows.first()?.1.clone(), stream.rows.clone())))
                .collect();
            for life in &self.lives {
                let expected = life.expected();
                let Some((_, first)) = expected.first() else { continue };
                assert_eq!(stored.remove(first), Some(expected), "{}", life.path.display());
            }
            assert_eq!(stored, BTreeMap::new(), "nothing else arrived");
        });
    }
}

impl Life {
    /// How many records are whole.
    fn whole(&self) -> usize {
        self.written.len() - usize::from(self.torn.is_some())
    }

    /// What must have arrived.
    fn expected(&self) -> Vec<(u64, String)> {
        let mut rows = self.written[..self.whole()].to_vec();
        if let Some(raw) = &self.rejected {
            rows.push((self.size - raw.len() as u64 + 1, raw.clone()));
        }
        rows
    }
}

fn has(state: &State, message: &str) -> bool {
    state.streams.values().any(|stream| stream.rows.iter().any(|(_, text)| text == message))
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        // Each case runs in real time.
        max_shrink_iters: 8,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn each_record_arrives_once_in_order_at_its_position(
        steps in prop::collection::vec(step(), 1..40),
        few_open in prop::bool::weighted(0.3),
        kind in prop::sample::select(vec![Kind::Csvlog, Kind::Stderr, Kind::Cri]),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut world = World::new(kind, few_open).await;
            for step in &steps {
                world.take(step).await;
            }
            world.receiver.decide(|_| Fate::Ack);
            world.up();
            world.settle().await;
            // Had anything been sent twice, or wrongly, it would come now.
            tokio::time::sleep(Duration::from_millis(30)).await;
            world.running.take().unwrap().stop().await;
            world.check();
        });
    }
}
