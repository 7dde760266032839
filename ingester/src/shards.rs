//! `[[shards]]`: several databases, and which of them a source's records are stored in. Pure.
//!
//! A shard takes the namespaces and clusters that it lists. Those that none lists are spread over the shards that list nothing, by a hash
//! that depends on the shards' names alone, so that another shard takes only its share away from each.

use std::collections::HashSet;
use std::sync::Arc;

use glob::Pattern;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use trunkline_record::Source;

use crate::config::Error;
use crate::store::DatabaseUrl;

/// `[[shards]]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardConfig {
    /// What metrics, logs and the hub call it. It decides what the shard takes, too: it never changes.
    pub name: String,
    /// Its database.
    pub url: DatabaseUrl,
    /// The same by the owner of the tables, as `database.owner_url`.
    #[serde(default)]
    pub owner_url: Option<DatabaseUrl>,
    /// Patterns of the namespaces that it takes; empty is all.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Patterns of the clusters that it takes; empty is all.
    #[serde(default)]
    pub clusters: Vec<String>,
}

/// Which shard takes which source.
#[derive(Debug, Clone)]
pub struct Shards(Vec<Shard>);

#[derive(Debug, Clone)]
struct Shard {
    name: Option<Arc<str>>,
    namespaces: Vec<Pattern>,
    clusters: Vec<Pattern>,
}

/// As an identifier of SQL, since the hub makes one of it.
const LONGEST_NAME: usize = 32;

impl Shards {
    /// Of a service with one database.
    pub fn one() -> Self {
        Self(vec![Shard { name: None, namespaces: Vec::new(), clusters: Vec::new() }])
    }

    /// As configured; nothing configured is one database.
    ///
    /// # Errors
    /// Names the shard and what is wrong with it.
    pub fn build(configs: &[ShardConfig]) -> Result<Self, Error> {
        if configs.is_empty() {
            return Ok(Self::one());
        }
        let invalid = |reason: String| Error::Invalid { setting: "shards", reason };
        let (mut names, mut databases) = (HashSet::new(), HashSet::new());
        let mut shards = Vec::new();
        for ShardConfig { name, url, owner_url, namespaces, clusters } in configs {
            let of = |reason: &str| invalid(format!("{name:?}: {reason}"));
            if !is_identifier(name) {
                return Err(of("a name is made of a-z, 0-9 and _, begins with a letter, and has \
                               32 characters at most"));
            }
            if !names.insert(name) {
                return Err(of("there are two of this name"));
            }
            if !databases.insert(url.to_string()) {
                return Err(of("its database is another shard's too"));
            }
            url.check_files().map_err(|error| of(&format!("url: {error}")))?;
            let check = owner_url.as_ref().map_or(Ok(()), DatabaseUrl::check_files);
            check.map_err(|error| of(&format!("owner_url: {error}")))?;
            shards.push(Shard {
                name: Some(name.as_str().into()),
                namespaces: patterns(namespaces).map_err(|error| of(&error))?,
                clusters: patterns(clusters).map_err(|error| of(&error))?,
            });
        }
        if shards.iter().all(Shard::is_listing) {
            return Err(invalid(
                "each lists namespaces or clusters; one at least has to list nothing, for what no \
                 other lists"
                    .to_owned(),
            ));
        }
        Ok(Self(shards))
    }

    /// Their names, in the order of the configuration; one database has none.
    pub fn names(&self) -> impl Iterator<Item = Option<&Arc<str>>> {
        self.0.iter().map(|shard| shard.name.as_ref())
    }

    /// The shard of this source, by its place in the configuration: the first that lists it, else one of those that list nothing.
    pub fn of(&self, source: &Source) -> usize {
        if let [_] = self.0[..] {
            return 0;
        }
        let listed = self.0.iter().position(|shard| shard.is_listing() && shard.lists(source));
        let unlisted = || {
            let open = self.0.iter().enumerate().filter(|(_, shard)| !shard.is_listing());
            open.max_by_key(|(_, shard)| shard.weight(source)).map(|(at, _)| at)
        };
        // One lists nothing.
        listed.or_else(unlisted).unwrap_or_default()
    }
}

impl Shard {
    fn is_listing(&self) -> bool {
        !self.namespaces.is_empty() || !self.clusters.is_empty()
    }

    fn lists(&self, source: &Source) -> bool {
        let among = |patterns: &[Pattern], value: &Option<String>| {
            patterns.is_empty()
                || value.as_ref().is_some_and(|value| patterns.iter().any(|one| one.matches(value)))
        };
        among(&self.namespaces, &source.namespace) && among(&self.clusters, &source.cluster)
    }

    /// The shard of the greatest weight takes a source (rendezvous hashing). What it is made of is part of where data lies.
    fn weight(&self, source: &Source) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"trunkline shard 1\0");
        let parts = [self.name.as_deref(), source.namespace.as_deref(), source.cluster.as_deref()];
        for part in parts.map(Option::unwrap_or_default) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

fn is_identifier(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn patterns(texts: &[String]) -> Result<Vec<Pattern>, String> {
    let pattern = |text: &String| Pattern::new(text).map_err(|error| format!("{text:?}: {error}"));
    texts.iter().map(pattern).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(name: &str, namespaces: &[&str], clusters: &[&str]) -> ShardConfig {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        ShardConfig {
            name: name.to_owned(),
            url: format!("postgres://u:s3cret@h/{name}").parse().unwrap(),
            owner_url: None,
            namespaces: texts(namespaces),
            clusters: texts(clusters),
        }
    }

    fn source(namespace: &str, cluster: &str) -> Source {
        Source {
            namespace: Some(namespace.to_owned()),
            cluster: Some(cluster.to_owned()),
            ..Source::default()
        }
    }

    fn refused(configs: &[ShardConfig], what: &str) {
        let error = Shards::build(configs).unwrap_err().to_string();
        assert!(error.starts_with("shards: ") && error.contains(what), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn the_first_that_lists_a_source_takes_it() {
        let shards = Shards::build(&[
            config("rest", &[], &[]),
            config("big", &["prod"], &["orders*"]),
            config("prod", &["prod"], &[]),
        ])
        .unwrap();
        assert_eq!(shards.of(&source("prod", "orders-eu")), 1);
        assert_eq!(shards.of(&source("prod", "stock")), 2);
        assert_eq!(shards.of(&source("test", "orders")), 0);
        assert_eq!(shards.of(&Source::default()), 0);
    }

    #[test]
    fn the_role_node_and_pod_of_a_source_never_change_its_shard() {
        let shards = Shards::build(&["a", "b", "c"].map(|name| config(name, &[], &[]))).unwrap();
        let here = source("shop", "orders");
        let there = Source {
            pod: Some("orders-1".to_owned()),
            node: Some("n".to_owned()),
            role: Some("replica".to_owned()),
            ..here.clone()
        };
        assert_eq!(shards.of(&here), shards.of(&there));
    }

    // Written down, since another outcome would move everybody's data.
    #[test]
    fn the_hash_is_the_same_for_ever() {
        let shards = Shards::build(&["a", "b", "c"].map(|name| config(name, &[], &[]))).unwrap();
        let places: String =
            (0..24).map(|n| shards.of(&source("shop", &format!("c{n}"))).to_string()).collect();
        assert_eq!(places, "110020000002202210102112");
    }

    #[test]
    fn another_shard_takes_its_share_and_moves_nothing_else() {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| config(name, &[], &[]));
        let before = Shards::build(&[a.clone(), b.clone(), c.clone()]).unwrap();
        let after = Shards::build(&[a, b, c, d]).unwrap();
        let sources: Vec<_> = (0..1_000).map(|n| source("shop", &format!("c{n}"))).collect();
        let moved = sources.iter().filter(|source| before.of(source) != after.of(source));
        assert!(moved.clone().all(|source| after.of(source) == 3));
        assert!((200..300).contains(&moved.count()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let rest = || config("rest", &[], &[]);
        refused(&[config("Rest", &[], &[])], "\"Rest\": a name");
        refused(&[config("", &[], &[])], "\"\": a name");
        refused(&[rest(), rest()], "\"rest\": there are two");
        refused(&[rest(), ShardConfig { name: "b".to_owned(), ..rest() }], "another shard's too");
        refused(&[rest(), config("b", &["[x"], &[])], "\"b\": \"[x\"");
        refused(&[config("b", &["x"], &[])], "list nothing");
    }
}
