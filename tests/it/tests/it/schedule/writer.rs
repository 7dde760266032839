//! Writers of log files, and what they wrote: the truth that rows are compared with.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use trunkline_it::csvlog_record;

/// What a writer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Csvlog,
    Stderr,
    Patroni,
    /// A server's stderr in a container's log.
    Cri,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Csvlog, Self::Stderr, Self::Patroni, Self::Cri];

    /// As the collector's configuration names it.
    pub fn format(self) -> &'static str {
        match self {
            Self::Csvlog => "csvlog",
            Self::Stderr => "stderr",
            Self::Patroni => "patroni",
            Self::Cri => "cri",
        }
    }

    /// Where its records go.
    pub fn table(self) -> &'static str {
        match self {
            Self::Patroni => "patroni",
            _ => "postgres",
        }
    }

    fn record(self, n: usize, message: &str, random: &mut StdRng) -> String {
        match self {
            Self::Csvlog => csvlog_record((n % 86_400) as u32, "LOG", message),
            Self::Stderr => stderr(message),
            Self::Patroni => format!("2026-11-22 22:36:24,800 INFO: {message}\n"),
            Self::Cri => stderr(message).lines().map(|line| cri(line, random)).collect(),
        }
    }
}

/// As a server writes it with `log_line_prefix = '%m [%p] '`: further lines begin with a tab.
fn stderr(message: &str) -> String {
    format!("2026-11-22 23:06:32.715 UTC [4711] LOG:  {}\n", message.replace('\n', "\n\t"))
}

/// As a container runtime writes a line: now and then in parts, none of which is empty. No two lines are of the same moment: a part may
/// end before it says whose it is.
fn cri(line: &str, random: &mut StdRng) -> String {
    static MOMENT: AtomicU32 = AtomicU32::new(715_000_001);
    let nanos = MOMENT.fetch_add(1, Ordering::Relaxed);
    let time = format!("2026-11-22T23:06:32.{nanos:09}Z stderr");
    if random.random_bool(0.1) && line.is_ascii() {
        let (first, rest) = line.split_at(random.random_range(1..line.len()));
        return format!("{time} P {first}\n{time} F {rest}\n");
    }
    format!("{time} F {line}\n")
}

/// A file from its first byte to its last, whatever its name is by now.
#[derive(Debug)]
pub struct Life {
    /// What each of its messages begins with.
    pub key: String,
    pub kind: Kind,
    /// Where each record begins, and its message.
    pub records: Vec<(u64, String)>,
    pub size: u64,
}

/// Appends to one file and rotates it away, as a server and logrotate do.
pub struct Writer {
    pub kind: Kind,
    pub path: PathBuf,
    pub key: String,
    pub seed: u64,
}

impl Writer {
    /// The glob of the file and of those that it was renamed to.
    pub fn glob(&self) -> String {
        format!("{}*", self.path.display())
    }

    /// Writes for so long.
    pub fn write(self, load: Duration) -> Vec<Life> {
        let mut random = StdRng::seed_from_u64(self.seed);
        let end = Instant::now() + load;
        let (mut file, mut life) = self.open(0);
        let mut lives = Vec::new();
        while Instant::now() < end {
            self.burst(&mut file, &mut life, &mut random);
            sleep(Duration::from_millis(random.random_range(0..50)));
            if random.random_bool(0.03) {
                fs::rename(&self.path, rotated(&self.path, lives.len())).unwrap();
                // A server goes on in the file that it has open.
                self.burst(&mut file, &mut life, &mut random);
                let (next, next_life) = self.open(lives.len() + 1);
                file = next;
                lives.push(std::mem::replace(&mut life, next_life));
            }
        }
        lives.push(life);
        // An empty file never becomes a stream.
        lives.retain(|life| life.size > 0);
        lives
    }

    fn open(&self, number: usize) -> (File, Life) {
        let file = OpenOptions::new().create_new(true).append(true).open(&self.path).unwrap();
        let key = format!("{}.{number} ", self.key);
        (file, Life { key, kind: self.kind, records: Vec::new(), size: 0 })
    }

    /// Some records in one write, now and then in two with a pause in the middle of a record.
    fn burst(&self, file: &mut File, life: &mut Life, random: &mut StdRng) {
        let mut text = String::new();
        for _ in 0..random.random_range(0..60) {
            let message = message(life, random);
            life.records.push((life.size + text.len() as u64, message.clone()));
            text += &self.kind.record(life.records.len(), &message, random);
        }
        life.size += text.len() as u64;
        let bytes = text.as_bytes();
        // Where another line could continue a record, a pause in it would end it.
        let torn = self.kind == Kind::Csvlog && !bytes.is_empty() && random.random_bool(0.2);
        let half = if torn { random.random_range(0..bytes.len()) } else { 0 };
        file.write_all(&bytes[..half]).unwrap();
        if torn {
            sleep(Duration::from_millis(random.random_range(0..100)));
        }
        file.write_all(&bytes[half..]).unwrap();
    }
}

fn rotated(path: &Path, number: usize) -> PathBuf {
    PathBuf::from(format!("{}.{number}", path.display()))
}

/// Unlike any other, with what is easily damaged on the way.
fn message(life: &Life, random: &mut StdRng) -> String {
    const ODD: [&str; 8] =
        ["\"quoted\"", "\n  LOG:  indented", "back\\slash", "🐘", "tab\there", "%s,,;'", "é", "x"];
    let mut message = format!("{}{}", life.key, life.records.len());
    for _ in 0..random.random_range(0..8) {
        message += " ";
        message += ODD[random.random_range(0..ODD.len())];
    }
    if random.random_bool(0.002) {
        let long = random.random_range(1_000..200_000);
        message.extend((0..long).map(|_| char::from(random.random_range(b'a'..=b'z'))));
    }
    message
}
