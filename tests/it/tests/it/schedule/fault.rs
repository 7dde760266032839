//! Faults: what is drawn, what it does, and how it passes.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use trunkline_harness::StopMode;
use trunkline_harness::proxy::{Direction, Rule};

use super::fleet::Fleet;

/// Between two faults.
const PAUSE_MS: u64 = 250;
/// What a fault that lasts lasts at most.
const LAST_MS: u64 = 900;

/// What can't have a second fault before the first has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Collector(usize),
    Ingester(usize),
    /// Two ways to ingesters, then two to the database.
    Proxy(usize),
    /// Of a collector, or behind those of an ingester.
    Clock(usize),
    Store,
    Disk,
}

/// A fault at a proxy.
#[derive(Clone, Copy, Debug)]
enum Network {
    Cut,
    /// The next connections are closed too, so that clients look elsewhere.
    Close,
    /// So many bytes arrive, and then the connection breaks: in the middle of a message, of a COPY, before an ack, after a commit.
    CutAfter(Direction, usize),
    Delay(Direction, Duration),
    /// One direction waits and the other goes on.
    Hold(Direction),
    /// What is sent vanishes, and then the connection breaks.
    Swallow(Direction),
}

pub struct Faults {
    random: StdRng,
    /// What is to be put right, and when.
    lasting: Vec<(Instant, Place)>,
    pub happened: Vec<String>,
}

impl Faults {
    pub fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed), lasting: Vec::new(), happened: Vec::new() }
    }

    /// Waits a moment, puts right what is due, and lets something happen.
    pub async fn step(&mut self, fleet: &mut Fleet) {
        self.pause(PAUSE_MS).await;
        let now = Instant::now();
        self.pass(fleet, |until| until <= now);
        let place = self.place(fleet);
        // Drawn in any case, so that the schedule depends on the seed more than on the moment.
        let (what, last) = (self.random.random(), self.random.random_range(0..LAST_MS));
        if self.lasting.iter().any(|(_, other)| *other == place) {
            return;
        }
        let fault = self.happen(fleet, place, what);
        self.happened.push(format!("{fault} {last}ms"));
        self.lasting.push((Instant::now() + Duration::from_millis(last), place));
    }

    /// Puts everything right.
    pub async fn heal(&mut self, fleet: &mut Fleet) {
        self.pause(LAST_MS).await;
        self.pass(fleet, |_| true);
    }

    async fn pause(&mut self, most: u64) {
        let pause = self.random.random_range(0..most);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }

    fn pass(&mut self, fleet: &mut Fleet, is_due: impl Fn(Instant) -> bool) {
        for (_, place) in self.lasting.extract_if(.., |(until, _)| is_due(*until)) {
            match place {
                Place::Collector(at) => fleet.collectors[at].service.start(),
                Place::Ingester(at) => fleet.ingesters[at].start(),
                Place::Proxy(at) => {
                    // Nothing that lost a part goes on.
                    fleet.proxies[at].cut();
                    fleet.proxies[at].heal();
                }
                // Whichever way it was set, one of the two steps is back.
                Place::Clock(at) => fleet.services()[at].clock.set(0).unwrap(),
                Place::Store => {
                    // Recovery needs room.
                    fleet.disk.iter().for_each(|disk| disk.make_room().unwrap());
                    fleet.store.start_again().unwrap();
                }
                Place::Disk => fleet.disk.as_ref().unwrap().make_room().unwrap(),
            }
        }
    }

    fn place(&mut self, fleet: &Fleet) -> Place {
        let random = &mut self.random;
        match random.random_range(0..20) {
            0..4 => Place::Collector(random.random_range(0..fleet.collectors.len())),
            4..8 => Place::Ingester(random.random_range(0..fleet.ingesters.len())),
            8 => Place::Store,
            9 if fleet.disk.is_some() => Place::Disk,
            10 | 11 => Place::Clock(random.random_range(0..fleet.services().len())),
            _ => Place::Proxy(random.random_range(0..fleet.proxies.len())),
        }
    }

    /// Does it; answers its name.
    fn happen(&self, fleet: &mut Fleet, place: Place, what: u64) -> String {
        let mut random = StdRng::seed_from_u64(what);
        match place {
            Place::Collector(at) => {
                let collector = &mut fleet.collectors[at];
                let how = match random.random_range(0..4) {
                    0 => {
                        collector.service.terminate();
                        "TERM"
                    }
                    1 => {
                        collector.service.kill();
                        // Gone with its node's disk.
                        let _ = std::fs::remove_dir_all(&collector.state);
                        "KILL and state lost"
                    }
                    _ => {
                        collector.service.kill();
                        "KILL"
                    }
                };
                format!("collector {at} {how}")
            }
            Place::Ingester(at) if random.random_bool(0.3) => {
                fleet.ingesters[at].terminate();
                format!("ingester {at} TERM")
            }
            Place::Ingester(at) => {
                fleet.ingesters[at].kill();
                format!("ingester {at} KILL")
            }
            Place::Store => {
                let mode =
                    if random.random_bool(0.7) { StopMode::Immediate } else { StopMode::Fast };
                fleet.store.stop(mode).unwrap();
                format!("store {mode:?}")
            }
            Place::Disk => {
                fleet.disk.as_ref().unwrap().fill(0).unwrap();
                "disk full".to_owned()
            }
            Place::Clock(at) => {
                // From seconds to years, more often back than forward; an ingester's by less than a day, beyond which it takes records for
                // those of another time.
                let digits = if at < fleet.collectors.len() { 9 } else { 5 };
                let seconds =
                    10_i64.pow(random.random_range(0..digits)) * random.random_range(1..9);
                let seconds = if random.random_bool(0.7) { -seconds } else { seconds };
                fleet.services()[at].clock.set(seconds).unwrap();
                format!("clock {at} {seconds:+}s")
            }
            Place::Proxy(at) => {
                let network = Network::draw(&mut random, at >= 2);
                network.happen(fleet, at);
                let side = if at < 2 { "forward" } else { "database" };
                format!("{side} {} {network:?}", at % 2)
            }
        }
    }
}

impl Network {
    fn draw(random: &mut StdRng, to_database: bool) -> Self {
        let direction =
            if random.random_bool(0.5) { Direction::ToServer } else { Direction::ToClient };
        // An ack is some 50 bytes, an answer of the database is not much more; what goes the other way is more.
        let bytes = match direction {
            Direction::ToClient if to_database => random.random_range(0..2_000),
            Direction::ToClient => random.random_range(0..300),
            Direction::ToServer => random.random_range(0..100_000),
        };
        match random.random_range(0..10) {
            0 => Self::Cut,
            1 => Self::Close,
            2..6 => Self::CutAfter(direction, bytes),
            6 => Self::Delay(direction, Duration::from_millis(random.random_range(1..300))),
            7 | 8 => Self::Hold(direction),
            _ => Self::Swallow(direction),
        }
    }

    fn happen(self, fleet: &Fleet, at: usize) {
        let proxy = &fleet.proxies[at];
        match self {
            Self::Cut => proxy.cut(),
            Self::Close => proxy.close(),
            Self::CutAfter(direction, bytes) => proxy.set(direction, Rule::CutAfter(bytes)),
            Self::Delay(direction, delay) => proxy.set(direction, Rule::Delay(delay)),
            Self::Hold(direction) => proxy.set(direction, Rule::Hold),
            Self::Swallow(direction) => proxy.set(direction, Rule::Swallow),
        }
    }
}
