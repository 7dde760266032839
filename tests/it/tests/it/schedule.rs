//! Nothing lost, nothing twice, nothing out of order: random schedules of faults over two ingesters, one or two collectors, a database,
//! and a network that can't be relied on.
//!
//! A seed stands for a schedule: `TRUNKLINE_SEED=s TRUNKLINE_SCHEDULES=1` runs the one again that failed, as far as processes repeat
//! themselves. `TRUNKLINE_SCHEDULES=200` is the long mode. Database and ingesters serve all schedules of a run, so that what one leaves
//! behind meets the next; collectors, files and networks are new each time.

mod fault;
mod fleet;
mod verdict;
mod writer;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use self::fault::Faults;
use self::fleet::Fleet;

/// As many as fit into a test that is run all the time.
const SCHEDULES: u64 = 10;
/// How long files are written and faults happen.
const LOAD: Duration = Duration::from_secs(3);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_each_record_is_one_row_in_its_place() {
    let first = number("TRUNKLINE_SEED").unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let schedules = number("TRUNKLINE_SCHEDULES").unwrap_or(SCHEDULES);
    let mut fleet = Fleet::new().await;
    let (mut records, mut faults) = (0, 0);
    for seed in first..first + schedules {
        println!("schedule {seed}: again with TRUNKLINE_SEED={seed} TRUNKLINE_SCHEDULES=1");
        let ran = run(&mut fleet, seed).await;
        records += ran.0;
        faults += ran.1;
    }
    // What comes late comes by now, and is seen.
    fleet.stop();
    verdict::nothing_else(&fleet, "").await;
    println!("{schedules} schedules from seed {first}: {records} records, {faults} faults");
}

/// Runs one schedule; answers how many records were written, and how many faults there were.
async fn run(fleet: &mut Fleet, seed: u64) -> (usize, usize) {
    let mut random = StdRng::seed_from_u64(seed);
    fleet.begin(seed, &mut random);
    let writers = fleet.write(LOAD);
    let mut faults = Faults::new(random.random());
    let end = Instant::now() + LOAD;
    while Instant::now() < end {
        faults.step(fleet).await;
    }
    let mut lives = Vec::new();
    for writer in writers {
        lives.extend(writer.await.unwrap());
    }
    faults.heal(fleet).await;
    println!("  faults: {}", faults.happened.join(", "));
    let since = Instant::now();
    verdict::wait_for(fleet, &lives).await;
    let records = verdict::compare(fleet, &lives).await;
    println!("  {records} records in {} files, stored {:?} later", lives.len(), since.elapsed());
    fleet.end().await;
    (records, faults.happened.len())
}
