//! A Forward server that isn't ours: npm's `@fluent-org/logger`, as `tests/it/clients/fluent-org-server.js` runs it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use trunkline_it::PATIENCE;

use crate::foreign::clients::node;

/// What all runs of the server have received so far.
#[derive(Clone, Default)]
pub struct Received(Arc<Mutex<Vec<Value>>>);

impl Received {
    /// Looks at it.
    pub fn look<T>(&self, look: impl FnOnce(&[Value]) -> T) -> T {
        look(&self.0.lock().unwrap())
    }
}

/// One run of it.
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts it as `orders` say, and waits until it listens.
    pub async fn start(orders: &Value, received: &Received) -> Self {
        let directory = tokio::task::spawn_blocking(node).await.unwrap();
        let mut command = Command::new("node");
        command.arg(directory.join("fluent-org-server.js"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(orders.to_string().as_bytes()).unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (listens, listening) = tokio::sync::oneshot::channel();
        let into = received.clone();
        std::thread::spawn(move || {
            let mut listens = Some(listens);
            for line in lines.map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap();
                match listens.take() {
                    Some(listens) => drop(listens.send(())),
                    None => into.0.lock().unwrap().push(line),
                }
            }
        });
        tokio::time::timeout(PATIENCE, listening).await.unwrap().unwrap();
        Self { child }
    }

    /// Ends it between two messages: what it has acknowledged, it has printed.
    pub async fn end(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let ended = tokio::task::spawn_blocking(move || self.child.wait().unwrap());
        assert!(ended.await.unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
