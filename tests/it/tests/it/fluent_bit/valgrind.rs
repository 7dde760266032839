//! Both plugins under valgrind: no error, and nothing lost when they are unloaded and loaded again.

use std::fs;

use trunkline_harness::{HostCommand, Plugin, Store};
use trunkline_it::Pipeline;

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

#[tokio::test(flavor = "multi_thread")]
async fn both_together_leave_nothing_behind() {
    let scene = Scene::with_csvlog(20_000);
    let database = Store::database().await.unwrap();
    let mut pipeline = Pipeline::new(database.url(), |config| config).unwrap();
    pipeline.start_ingester().unwrap();
    pipeline.ready().await.unwrap();
    let address = pipeline.forward_address();
    let config = scene.config("a", &scene.globs).display().to_string();
    let host = HostCommand::under_valgrind().unwrap().args(["--workers", "2", "--lives", "2"]);
    let host = host.plugin(Plugin::Input, [("config", config.as_str())]).unwrap();
    let host = host.plugin(Plugin::Output, [("address", address.as_str())]).unwrap();
    let host = host.args(["--collect", "0.1", "--flush", "0.2", "--seconds", "4"]);
    let run = tokio::task::spawn_blocking(move || host.run().unwrap());
    let (report, log) = run.await.unwrap();
    let size = scene.logs.iter().map(|log| fs::metadata(log).unwrap().len()).sum();
    pipeline.stored(size).await.unwrap();
    assert!(report.ok > 0 && report.error == 0, "{report:?}\n{log}");
    assert!(log.contains("ERROR SUMMARY: 0 errors"), "{log}");
}
