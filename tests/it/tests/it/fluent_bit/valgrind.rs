//! The plugins under valgrind: no error, and nothing lost when they are unloaded and loaded again.

use std::fs;

use trunkline_harness::{HostCommand, Plugin};

use super::Scene;

#[test]
fn the_input_leaves_nothing_behind() {
    let scene = Scene::with_csvlog(20_000);
    let config = |name| scene.config(name, &scene.globs).display().to_string();
    let host = HostCommand::under_valgrind().unwrap();
    let host = host.plugin(Plugin::Input, [("config", config("a").as_str())]).unwrap();
    let host = host.instance([("config", config("b").as_str())]);
    let host = host.args(["--collect", "0.1", "--seconds", "3", "--lives", "2"]);
    let (report, log) = host.run().unwrap();
    let size: u64 = scene.logs.iter().map(|log| fs::metadata(log).unwrap().len()).sum();
    assert!(report.collected_bytes > 2 * size, "{report:?}\n{log}");
    assert!(log.contains("ERROR SUMMARY: 0 errors"), "{log}");
}
