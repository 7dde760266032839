//! Who writes which log. [`crate::sources`] answers that for the tail thread, from what is learned
//! here: a pod's path ([`pod_path`]), its labels and annotations ([`kubernetes`]), the role that the
//! Patroni beside the collector tells ([`patroni`]).
//!
//! Of a container, namespace, pod and name come from the path and never change, so that a stream's id
//! doesn't depend on when labels arrive; cluster and role are what is known when a forward chunk is
//! closed.

pub mod annotations;
pub mod kubernetes;
pub mod labels;
pub mod patroni;
pub mod pod_path;
pub mod pods;
pub mod presets;
pub mod selector;
pub mod writer;
