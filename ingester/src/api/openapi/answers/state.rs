//! The shapes of answers about the fleet, the store, and what messages have in common.

use utoipa::openapi::schema::Type;

use super::{array, nullable, object, optional, plain, reference, time};
use crate::api::openapi::Named;

pub(super) fn schemas() -> Vec<Named> {
    let text = || plain(Type::String);
    let maybe_text = || optional(Type::String);
    let int = || plain(Type::Integer);
    let maybe_int = || optional(Type::Integer);
    let yes = || plain(Type::Boolean);
    let pod = object(&[
        ("pod", maybe_text()),
        ("role", maybe_text()),
        ("node", maybe_text()),
        ("last_seen", time()),
        ("lag_s", maybe_int()),
        ("rows_per_minute", int()),
        ("errors_per_minute", int()),
    ]);
    let failover = object(&[
        ("at", time()),
        ("namespace", maybe_text()),
        ("cluster", maybe_text()),
        ("pod", maybe_text()),
        ("was", maybe_text()),
        ("source", text()),
    ]);
    let state = object(&[
        ("namespace", maybe_text()),
        ("cluster", maybe_text()),
        ("last_seen", time()),
        ("rows_per_minute", int()),
        ("errors_per_minute", int()),
        ("last_failover", nullable(reference("Failover"))),
        ("pods", array(pod)),
    ]);
    let table = object(&[
        ("table", text()),
        ("total_bytes", int()),
        ("index_bytes", int()),
        ("rows_estimate", maybe_int()),
    ]);
    let chunk = object(&[
        ("table", text()),
        ("chunk", text()),
        ("from", time()),
        ("to", time()),
        ("rows_estimate", maybe_int()),
        ("total_bytes", int()),
        ("index_bytes", int()),
        ("is_sealed", yes()),
        ("sealed_at", maybe_text()),
        ("seal_error", maybe_text()),
        ("is_compressed", yes()),
    ]);
    let rule = object(&[
        ("namespace", maybe_text()),
        ("cluster", maybe_text()),
        ("max_age", maybe_text()),
        ("rejected_max_age", maybe_text()),
        ("max_bytes", maybe_int()),
        ("min_free_bytes", maybe_int()),
    ]);
    let removed = object(&[
        ("at", time()),
        ("reason", text()),
        ("what", text()),
        ("table", text()),
        ("namespace", maybe_text()),
        ("cluster", maybe_text()),
        ("rows", maybe_int()),
        ("bytes", maybe_int()),
        ("error", maybe_text()),
    ]);
    let sample = object(&[
        ("received_at", time()),
        ("namespace", maybe_text()),
        ("cluster", maybe_text()),
        ("pod", maybe_text()),
        ("path", maybe_text()),
        ("stream", text()),
        ("position", int()),
        ("raw", text()),
        ("bytes", int()),
    ]);
    let rejected = object(&[
        ("reason", text()),
        ("count", int()),
        ("last_seen", time()),
        ("samples", array(sample)),
    ]);
    let pattern = object(&[
        ("pattern", text()),
        ("error_severity", maybe_text()),
        ("count", int()),
        ("first_seen", time()),
        ("last_seen", time()),
        ("sample", nullable(reference("Row"))),
    ]);
    vec![
        (
            "Patterns",
            object(&[("patterns", array(pattern)), ("examined", int()), ("complete", yes())]),
        ),
        ("Failover", failover),
        ("Failovers", object(&[("failovers", array(reference("Failover")))])),
        ("Fleet", object(&[("clusters", array(state))])),
        (
            "Store",
            object(&[
                ("database_bytes", int()),
                ("tables", array(table)),
                ("chunks", array(chunk)),
                ("retention", array(rule)),
                ("removed", array(removed)),
                ("rejected", array(rejected)),
            ]),
        ),
    ]
}
