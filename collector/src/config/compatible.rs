//! `[ship.compatible]`: how records travel to a Forward receiver that isn't ours.

use serde::{Deserialize, Serialize};
use trunkline_record::Source;

/// `ship.mode`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// To `trunkline-ingester`.
    #[default]
    Trunkline,
    /// To any other Forward receiver, such as Fluentd or Fluent Bit.
    Compatible,
}

/// `ship.compatible.compression`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlainCompression {
    /// What all receivers since Fluentd 0.14.7 and Fluent Bit 1.7 take.
    #[default]
    Gzip,
    /// Not at all.
    None,
}

/// `[ship.compatible]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompatibleConfig {
    /// The tag, with `{namespace}`, `{cluster}`, `{pod}`, `{container}`, `{node}` and `{role}` for what is known of the source.
    pub tag: String,
    /// How messages are compressed.
    pub compression: PlainCompression,
    /// Whether a connection may carry more than one message; a receiver can refuse that in its handshake, too.
    pub keepalive: bool,
}

impl Default for CompatibleConfig {
    fn default() -> Self {
        Self {
            tag: "postgres.{namespace}.{cluster}.{pod}".to_owned(),
            compression: PlainCompression::Gzip,
            keepalive: true,
        }
    }
}

/// What stands in a tag for what isn't known of a source.
const UNKNOWN: &str = "unknown";

/// No tag needs more; what fills it in comes on top.
const LONGEST: usize = 1024;

impl CompatibleConfig {
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let refuse = |problem: String| Err(("ship.compatible.tag", problem));
        if self.tag.is_empty() || self.tag.len() > LONGEST {
            return refuse(format!("must have 1 to {LONGEST} bytes"));
        }
        let source = Source::default();
        let names: Vec<_> = source.fields().iter().map(|(name, _)| *name).collect();
        match self.fill(|name| names.contains(&name).then(String::new)) {
            Ok(_) => Ok(()),
            Err(Wrong::Open) => refuse(format!("{:?} has a brace without its pair", self.tag)),
            Err(Wrong::Name(name)) => refuse(format!("{{{name}}} is none of {}", names.join(", "))),
        }
    }

    /// The tag of a source's records. Each value is one part of it: what would divide it, or isn't usual in tags, becomes `_`.
    pub fn tag_of(&self, source: &Source) -> String {
        let fields = source.fields();
        let value = |name: &str| {
            let (_, value) = fields.iter().find(|(field, _)| *field == name)?;
            let value = value.as_deref().filter(|value| !value.is_empty()).unwrap_or(UNKNOWN);
            let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            Some(value.chars().map(|c| if usual(c) { c } else { '_' }).collect())
        };
        // It was checked with the configuration.
        self.fill(value).unwrap_or_else(|_| self.tag.clone())
    }

    /// Puts values into the places for them.
    fn fill(&self, value: impl Fn(&str) -> Option<String>) -> Result<String, Wrong<'_>> {
        let (mut filled, mut rest) = (String::new(), self.tag.as_str());
        while let Some(at) = rest.find(['{', '}']) {
            let (before, place) = rest.split_at(at);
            let (name, behind) = place
                .strip_prefix('{')
                .and_then(|place| place.split_once('}'))
                .ok_or(Wrong::Open)?;
            filled.push_str(before);
            filled.push_str(&value(name).ok_or(Wrong::Name(name))?);
            rest = behind;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// What is wrong with a template.
enum Wrong<'t> {
    Open,
    Name(&'t str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_one_part_for_each_value() {
        let config =
            |tag: &str| CompatibleConfig { tag: tag.into(), ..CompatibleConfig::default() };
        let source = Source {
            namespace: Some("shop".into()),
            pod: Some("orders.0 é".into()),
            role: Some(String::new()),
            ..Source::default()
        };
        for (template, tag) in [
            ("postgres.{namespace}.{cluster}.{pod}", "postgres.shop.unknown.orders_0__"),
            ("{role}{namespace}", "unknownshop"),
            ("fixed.tag", "fixed.tag"),
        ] {
            assert_eq!(config(template).check(), Ok(()));
            assert_eq!(config(template).tag_of(&source), tag);
        }
        for (template, problem) in [
            ("", "1 to 1024"),
            ("a.{pod", "brace"),
            ("a.pod}", "brace"),
            ("a.{path}", "{path} is none of namespace, cluster"),
        ] {
            let (key, said) = config(template).check().unwrap_err();
            assert!(key == "ship.compatible.tag" && said.contains(problem), "{template}: {said}");
        }
    }
}
