//! Where forward chunks go: to an ingester ([`crate::ship`]), or, where the collector runs inside another program, to that.

/// Takes what the tail thread packs, and moves the streams' acknowledged positions over what is safe elsewhere.
pub trait Destination {
    /// Runs until the tail thread has ended and everything is acknowledged. May be dropped at any moment; what was not acknowledged by
    /// then will be read again.
    fn run(&mut self) -> impl Future<Output = ()>;

    /// How many forward chunks wait to be acknowledged.
    fn unacked(&self) -> u64;

    /// Keeps what is not acknowledged, if it can: nothing more is taken. Returns how many forward chunks will have to be read again.
    fn put_away(&mut self) -> u64;
}
