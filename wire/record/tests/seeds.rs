//! The fuzz targets on their saved seeds, which anyone can run: what holds of any input holds of these.

// Tests panic, and so does what they share with the fuzz targets.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::cast_possible_truncation, missing_docs)]

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::Path;

#[test]
fn every_seed_of_every_target_is_accounted_for_byte_by_byte() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    for (name, target) in targets::TARGETS {
        let mut count = 0;
        for entry in fs::read_dir(seeds.join(name)).unwrap() {
            let path = entry.unwrap().path();
            let input = fs::read(&path).unwrap();
            // A panic shows which one it was.
            eprintln!("{}", path.display());
            target(&input);
            count += 1;
        }
        assert!(count > 0, "no seeds of {name}");
    }
}
