//! A label selector as Kubernetes writes it: `app=db,tier in (a, b),!canary`. All of its requirements
//! must hold; an empty one holds always.

use std::{collections::BTreeMap, str::FromStr};

/// Labels or annotations of a pod.
pub type Labels = BTreeMap<String, String>;

/// A parsed selector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    /// Holds also where the key is absent, as in Kubernetes.
    NotIn(Vec<String>),
}

/// Text that is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a requirement on a label")]
pub struct InvalidSelector(pub String);

impl LabelSelector {
    /// Whether all requirements hold.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            match &requirement.test {
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
                Test::In(values) => value.is_some_and(|value| values.contains(value)),
                Test::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            }
        })
    }

    /// Whether there is nothing to require.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for LabelSelector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        let mut requirements = Vec::new();
        if !text.trim().is_empty() {
            for part in split(text) {
                requirements.push(part.parse()?);
            }
        }
        Ok(Self(requirements))
    }
}

/// Cuts at commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let outside = |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    };
    text.split(outside).map(str::trim).collect()
}

impl FromStr for Requirement {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        let invalid = || InvalidSelector(text.to_owned());
        let set = |values: &str| -> Option<Vec<String>> {
            let values = values.trim().strip_prefix('(')?.strip_suffix(')')?;
            values
                .split(',')
                .map(str::trim)
                .map(|value| is_value(value).then(|| value.into()))
                .collect()
        };
        let (key, test) = if let Some(key) = text.strip_prefix('!') {
            (key, Test::Absent)
        } else if let Some((key, value)) = text.split_once("!=") {
            (key, Test::NotIn(vec![value.trim().into()]))
        } else if let Some((key, value)) = text.split_once('=') {
            (key, Test::In(vec![value.strip_prefix('=').unwrap_or(value).trim().into()]))
        } else if let Some((key, rest)) = text.split_once(char::is_whitespace) {
            let rest = rest.trim_start();
            let test = match (rest.strip_prefix("in"), rest.strip_prefix("notin")) {
                (_, Some(values)) => Test::NotIn(set(values).ok_or_else(invalid)?),
                (Some(values), None) => Test::In(set(values).ok_or_else(invalid)?),
                (None, None) => return Err(invalid()),
            };
            (key, test)
        } else {
            (text, Test::Exists)
        };
        let key = key.trim();
        let sound = match &test {
            Test::In(values) | Test::NotIn(values) => values.iter().all(|value| is_value(value)),
            Test::Exists | Test::Absent => true,
        };
        if !sound || !is_key(key) {
            return Err(invalid());
        }
        Ok(Self { key: key.to_owned(), test })
    }
}

/// Whether it can be a label's key: an optional DNS name, a slash, a name.
pub fn is_key(key: &str) -> bool {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    let prefix = key.rsplit_once('/').is_none_or(|(prefix, _)| {
        !prefix.is_empty()
            && prefix.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.'))
    });
    prefix && !name.is_empty() && is_value(name)
}

/// Whether it can be a label's value.
fn is_value(value: &str) -> bool {
    value.len() <= 63
        && value.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(selector: &str, labels: &[(&str, &str)], expected: bool) {
        let labels = labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let parsed: LabelSelector = selector.parse().unwrap();
        assert_eq!(parsed.matches(&labels), expected, "{selector} on {labels:?}");
    }

    #[test]
    fn every_form_of_requirement_is_understood() {
        let db = &[("app", "db"), ("x.io/tier", "b")];
        check("", &[], true);
        for holds in [
            "app",
            "app=db",
            "app==db",
            "app = db",
            "app!=web",
            "!canary",
            "canary!=x",
            "app in (db)",
            "app in (web, db),x.io/tier=b",
            "x.io/tier notin (a,c)",
            "no notin (a)",
        ] {
            check(holds, db, true);
        }
        for fails in [
            "canary",
            "app=web",
            "app=",
            "!app",
            "app!=db",
            "app in (web)",
            "app notin (web,db)",
            "app=db,canary",
            "canary in (x)",
        ] {
            check(fails, db, false);
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for wrong in [
            "=",
            "a b",
            "a in",
            "a in x",
            "a in (x",
            ",",
            "a,,b",
            "a=b c",
            "/a",
            "a/",
            "!",
            "ä",
            "a notin b",
        ] {
            assert!(wrong.parse::<LabelSelector>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "[a-c=!(), \\PC]*") {
            let _ = text.parse::<LabelSelector>();
        }
    }
}
