//! How many connections there may be, over all and from one address.
//!
//! The second limit keeps one client that has gone wrong from taking all places. It is generous, since behind a NAT or a proxy a whole fleet
//! has one address; what comes by a Unix socket has none, and isn't limited by it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places that connections take.
#[derive(Debug, Clone)]
pub struct Places {
    most: usize,
    most_per_address: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    address: Option<IpAddr>,
}

/// Why there is none left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    /// By `max_connections`.
    #[error("too many connections: {0}")]
    Connections(usize),
    /// By `max_connections_per_address`.
    #[error("too many connections from this address: {0}")]
    Address(usize),
}

impl Full {
    /// Its name among the reasons of refusals.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Connections(_) => "connections",
            Self::Address(_) => "connections_per_address",
        }
    }
}

impl Places {
    /// So many over all, and so many for one address.
    pub fn new(most: usize, most_per_address: usize) -> Self {
        Self { most, most_per_address, taken: Arc::default() }
    }

    /// Takes one for a connection from `address`.
    pub(super) fn take(&self, address: Option<IpAddr>) -> Result<Place, Full> {
        let mut taken = self.lock();
        if taken.all >= self.most {
            return Err(Full::Connections(self.most));
        }
        if let Some(address) = address {
            let of_address = taken.by_address.entry(address).or_default();
            if *of_address >= self.most_per_address {
                return Err(Full::Address(self.most_per_address));
            }
            *of_address += 1;
        }
        taken.all += 1;
        Ok(Place { places: self.clone(), address })
    }

    // Nothing in between can panic.
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        let Some(address) = self.address else { return };
        if let Some(of_address) = taken.by_address.get_mut(&address) {
            *of_address -= 1;
            if *of_address == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_takes_its_share_and_leaves_places_to_others() {
        let places = Places::new(4, 2);
        let take = |address: &str| places.take(Some(address.parse().unwrap()));
        let held = [take("10.0.0.1").unwrap(), take("10.0.0.1").unwrap()];
        assert_eq!(take("10.0.0.1").unwrap_err(), Full::Address(2));
        let others = [take("10.0.0.2").unwrap(), places.take(None).unwrap()];
        assert_eq!(take("10.0.0.3").unwrap_err(), Full::Connections(4));
        drop(held);
        drop(take("10.0.0.1").unwrap());
        drop(others);
        let taken = places.lock();
        assert_eq!((taken.all, taken.by_address.len()), (0, 0));
    }
}
