//! How a host may call the output: of any age, from small stacks and many threads, and with an end in the middle of it all.

use std::path::PathBuf;

use trunkline_forward::EventTime;
use trunkline_forward::msgpack::{write_array, write_map, write_str};
use trunkline_harness::{HostCommand, Plugin};

/// Every layout of the host's structures.
const LAYOUTS: [&str; 5] = ["v1.9", "v2.0", "v4.1", "v5.0", "v5.1"];

/// A file with this many events.
fn events(directory: &tempfile::TempDir, count: usize) -> PathBuf {
    let mut out = Vec::new();
    for at in 0..count {
        write_array(&mut out, 2);
        write_array(&mut out, 2);
        EventTime { seconds: 1_795_388_792, nanoseconds: 0 }.write(&mut out);
        write_map(&mut out, 0);
        write_map(&mut out, 1);
        write_str(&mut out, b"log");
        write_str(&mut out, format!("line {at}").as_bytes());
    }
    let path = directory.path().join("events");
    std::fs::write(&path, out).unwrap();
    path
}

/// A port where connections are taken and nothing is answered.
fn silent() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[test]
fn hosts_of_any_age_are_told_to_try_again_what_was_not_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let events = events(&directory, 100);
    let (_listener, address) = silent();
    for layout in LAYOUTS {
        for workers in ["0", "8"] {
            let properties = [("ADDRESS", address.as_str()), ("ack_timeout", "50ms")];
            let host = HostCommand::new().unwrap().args(["--layout", layout, "--workers", workers]);
            let host = host.plugin(Plugin::Output, properties).unwrap().instance(properties);
            let host = host.args(["--chunk-size", "500", "--retry-pause", "0.01", "--lives", "2"]);
            let (report, log) = host.args(["--events".as_ref(), events.as_os_str()]).run().unwrap();
            let (ok, error) = (report.ok, report.error);
            assert_eq!((ok, error), (0, 0), "{layout}, {workers} workers: {report:?}\n{log}");
            assert_eq!(report.flushes, report.retry, "{layout}, {workers} workers: {report:?}");
            // Once, and again as often as the host's default says.
            assert_eq!(report.retry, 2 * report.dropped, "{layout}, {workers} workers: {report:?}");
            assert!(report.dropped >= 20, "{layout}, {workers} workers: {report:?}\n{log}");
        }
    }
}

#[test]
fn an_end_frees_the_threads_that_wait() {
    let directory = tempfile::tempdir().unwrap();
    let events = events(&directory, 100);
    let (_listener, address) = silent();
    let host = HostCommand::new().unwrap().args(["--workers", "8", "--exit-in-flush"]);
    let properties = [("address", address.as_str()), ("ack_timeout", "1h")];
    let host = host.plugin(Plugin::Output, properties).unwrap();
    let host = host.args(["--chunk-size", "100", "--seconds", "0.5", "--lives", "2"]);
    let (report, log) = host.args(["--events".as_ref(), events.as_os_str()]).run().unwrap();
    assert!(report.retry >= 16 && report.ok == 0 && report.error == 0, "{report:?}\n{log}");
}

#[test]
fn an_output_that_cannot_start_says_why() {
    let host = HostCommand::new().unwrap().plugin(Plugin::Output, []).unwrap();
    let error = host.run().unwrap_err().to_string();
    assert!(error.contains("[error]") && error.contains("address"), "{error}");
}
