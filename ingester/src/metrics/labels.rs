//! What the metrics of one database have in common: how they are registered, and the label that tells databases apart.

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabel, EncodeLabelSet, LabelSetEncoder};
use prometheus_client::registry::{Metric, Registry};

/// Labels of the metric's own, and the shard where there are several.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Labels {
    own: Vec<(&'static str, String)>,
    shard: Option<Arc<str>>,
}

impl Labels {
    /// Of a metric that has none of its own.
    pub(super) fn of(shard: Option<&Arc<str>>) -> Self {
        Self { own: Vec::new(), shard: shard.cloned() }
    }

    /// With these besides.
    pub(super) fn with(&self, own: &[(&'static str, &str)]) -> Self {
        let own = own.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { own, shard: self.shard.clone() }
    }
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, value) in &self.own {
            (*name, value.as_str()).encode(encoder.encode_label())?;
        }
        if let Some(shard) = &self.shard {
            ("shard", &**shard).encode(encoder.encode_label())?;
        }
        Ok(())
    }
}

/// Registers a metric, and hands it back.
pub(super) fn register<M: Metric + Clone>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    metric: M,
) -> M {
    registry.register(name, help, metric.clone());
    metric
}
