//! What Trunkline's two Fluent Bit plugins share: the host's binary interface ([`abi`]), what a plugin asks of its host ([`host`]), its
//! log ([`log`]), and the wall that no panic passes ([`guard`]).
//!
//! Each plugin is a shared object of its own (`in`, `out`), since Fluent Bit takes one plugin a file; their exported functions are thin
//! and call into safe code. Nothing here knows what a log record is.

pub mod abi;
pub mod guard;
pub mod host;
pub mod log;
pub mod thread;

pub use guard::guard;
pub use host::Host;
