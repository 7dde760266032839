//! Real servers and processes for tests, demo and benchmarks.
