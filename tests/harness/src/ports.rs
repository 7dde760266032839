//! Free TCP ports on loopback.
//!
//! Ports are picked below the range from which the kernel takes ports for outgoing connections, so that a server that is
//! stopped and started again on its port doesn't find it taken by a client's socket.

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};
use rand::RngExt;

/// Below Linux's default `ip_local_port_range`, above what services are usually given.
const PORTS: std::ops::Range<u16> = 15_000..32_000;
const ATTEMPTS: usize = 200;

static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A port on 127.0.0.1 that nobody listens on now and that this process has not handed out before.
pub fn free_port() -> Result<u16> {
    for _ in 0..ATTEMPTS {
        let port = rand::rng().random_range(PORTS);
        if !GIVEN
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_default()
            .insert(port)
        {
            continue;
        }
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port on 127.0.0.1 in {PORTS:?} after {ATTEMPTS} attempts")
}
