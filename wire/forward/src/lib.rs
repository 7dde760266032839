//! Fluent Forward v1: codec and state machines, without sockets or clock.
