//! An instance's settings, from its properties. They have the names of the collector's own configuration, `[ship]` and `[ship.tls]` without
//! these prefixes, since Fluent Bit keeps `Host`, `Port`, `tls` and the like to itself and tells a plugin nothing of them.

use std::time::Duration;

use serde_json::{Map, Value};
use trunkline_collector::{
    config::{ShipConfig, SourceConfig, host_name},
    format::{FormatChoice, WrittenWith},
};
use trunkline_forward::msgpack::{write_map, write_str};
use trunkline_record::{Source, Table};

/// Keys of `[ship]`; those that are durations take a bare number for seconds, too.
const SHIP: [(&str, Kind); 8] = [
    ("connect_timeout", Kind::Duration),
    ("ack_timeout", Kind::Duration),
    ("backoff_max", Kind::Duration),
    ("shared_key", Kind::Text),
    ("shared_key_file", Kind::Text),
    ("username", Kind::Text),
    ("password", Kind::Text),
    ("password_file", Kind::Text),
];
/// Keys of `[ship.tls]`.
const TLS: [&str; 4] = ["ca", "server_name", "certificate", "key"];
/// Keys of an ingester's `[[forward.routes]]`: they travel with messages that hold records of others than our input.
const ROUTE: [&str; 12] = [
    "tag",
    "table",
    "format",
    "key",
    "log_timezone",
    "log_line_prefix",
    "namespace",
    "cluster",
    "pod",
    "container",
    "node",
    "role",
];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Duration,
}

/// What an instance does.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it ships to.
    pub ship: ShipConfig,
    /// What it calls itself in a handshake.
    pub hostname: String,
    /// How long a flush waits for its acks before Fluent Bit is told to try again.
    pub timeout: Duration,
    /// What fills the gaps in a record's source.
    pub source: Source,
    /// The route of records of others, in MessagePack; none when nothing is said of them.
    pub route: Option<Vec<u8>>,
}

/// Why an instance doesn't start.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct Refused {
    key: String,
    problem: String,
}

fn refused(key: &str, problem: impl ToString) -> Refused {
    Refused { key: key.to_owned(), problem: problem.to_string() }
}

impl Settings {
    /// Reads them; `property` answers what is set, without regard to case.
    ///
    /// # Errors
    /// The first that can't work.
    pub fn read(property: impl Fn(&str) -> Option<String>) -> Result<Self, Refused> {
        let property = |key: &str| property(key).filter(|value| !value.is_empty());
        let ship = ship(&property)?;
        check_format(&property)?;
        let source = Source {
            namespace: property("namespace"),
            cluster: property("cluster"),
            pod: property("pod"),
            container: property("container"),
            node: property("node"),
            role: property("role"),
        };
        let route: Vec<(&str, String)> =
            ROUTE.iter().filter_map(|key| Some((*key, property(key)?))).collect();
        let pod = SourceConfig::default().resolve(|name| std::env::var(name).ok(), host_name()).pod;
        Ok(Self {
            hostname: property("hostname").or(pod).unwrap_or_else(|| "fluent-bit".to_owned()),
            timeout: ship.ack_timeout,
            ship,
            source,
            route: (!route.is_empty()).then(|| packed(&route)),
        })
    }
}

fn ship(property: &impl Fn(&str) -> Option<String>) -> Result<ShipConfig, Refused> {
    let address = property("address").ok_or_else(|| {
        refused("address", "not set: host:port of the ingester, or several with commas (Host and Port are Fluent Bit's own, and not told to plugins)")
    })?;
    let addresses = address.split([',', ' ']).filter(|part| !part.is_empty());
    let mut map = Map::new();
    map.insert("address".to_owned(), addresses.collect());
    for (key, kind) in SHIP {
        let Some(mut value) = property(key) else { continue };
        if kind == Kind::Duration && value.bytes().all(|byte| byte.is_ascii_digit()) {
            value.push('s');
        }
        map.insert(key.to_owned(), Value::String(value));
    }
    let tls: Map<String, Value> = TLS
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), property(&format!("tls.{key}"))?.into())))
        .collect();
    let enabled = match property("tls.enabled").map(|word| word.to_ascii_lowercase()).as_deref() {
        None => !tls.is_empty(),
        Some("on" | "true" | "yes") => true,
        Some("off" | "false" | "no") => false,
        Some(_) => return Err(refused("tls.enabled", "neither on nor off")),
    };
    if enabled {
        map.insert("tls".to_owned(), Value::Object(tls));
    }
    let config: ShipConfig =
        serde_json::from_value(Value::Object(map)).map_err(|error| refused("property", error))?;
    config.check().map_err(|(key, problem)| refused(key.trim_start_matches("ship."), problem))?;
    for (key, duration) in [
        ("connect_timeout", config.connect_timeout),
        ("ack_timeout", config.ack_timeout),
        ("backoff_max", config.backoff_max),
    ] {
        if duration.is_zero() {
            return Err(refused(key, "must be more than 0"));
        }
    }
    Ok(config)
}

/// The ingester would refuse what is refused here.
fn check_format(property: &impl Fn(&str) -> Option<String>) -> Result<(), Refused> {
    if let Some(format) = property("format").filter(|format| format != "none") {
        format
            .parse::<FormatChoice>()
            .map_err(|error| refused("format", format!("{error}, auto or none")))?;
    }
    if let Some(table) = property("table")
        && !Table::ALL.iter().any(|known| known.name() == table)
    {
        return Err(refused("table", "expected postgres, patroni or component"));
    }
    let (zone, prefix) = (property("log_timezone"), property("log_line_prefix"));
    let written = WrittenWith {
        log_timezone: zone.as_deref(),
        log_line_prefix: prefix.as_deref(),
        ..WrittenWith::default()
    };
    written.understand().map_err(|wrong| refused(wrong.key, wrong.problem))?;
    Ok(())
}

fn packed(route: &[(&str, String)]) -> Vec<u8> {
    let mut out = Vec::new();
    // At most as many as there are keys.
    #[allow(clippy::cast_possible_truncation)]
    write_map(&mut out, route.len() as u32);
    for (key, value) in route {
        write_str(&mut out, key.as_bytes());
        write_str(&mut out, value.as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(properties: &[(&str, &str)]) -> Result<Settings, String> {
        let find = |key: &str| {
            let found = properties.iter().find(|(name, _)| *name == key);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::read(find).map_err(|refused| refused.to_string())
    }

    #[test]
    fn properties_mean_what_they_mean_for_the_collector() {
        let settings = read(&[
            ("address", "a:1, b:2"),
            ("ack_timeout", "5"),
            ("connect_timeout", "1500ms"),
            ("shared_key", "secret"),
            ("tls.server_name", "ingester"),
            ("cluster", "orders"),
            ("format", "csvlog"),
        ])
        .unwrap();
        assert_eq!(settings.ship.address.all(), ["a:1", "b:2"]);
        assert_eq!(settings.timeout, Duration::from_secs(5));
        assert_eq!(settings.ship.connect_timeout, Duration::from_millis(1500));
        assert_eq!(settings.ship.tls.unwrap().server_name.as_deref(), Some("ingester"));
        assert_eq!(settings.source.cluster.as_deref(), Some("orders"));
        assert!(settings.route.is_some());
        let plain = read(&[("address", "a:1")]).unwrap();
        assert_eq!((plain.ship.tls, plain.route), (None, None));
        assert!(read(&[("address", "a:1"), ("tls.enabled", "on")]).unwrap().ship.tls.is_some());
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (properties, named) in [
            (&[][..], "address"),
            (&[("address", "a")], "address"),
            (&[("address", "a:1"), ("ack_timeout", "0")], "ack_timeout"),
            (&[("address", "a:1"), ("ack_timeout", "soon")], "soon"),
            (&[("address", "a:1"), ("username", "u")], "username"),
            (&[("address", "a:1"), ("tls.certificate", "c")], "certificate"),
            (&[("address", "a:1"), ("tls.enabled", "maybe")], "tls.enabled"),
            (&[("address", "a:1"), ("format", "cvslog")], "format"),
            (&[("address", "a:1"), ("table", "log")], "table"),
            (&[("address", "a:1"), ("log_timezone", "Mars/Base")], "log_timezone"),
        ] {
            let error = read(properties).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
