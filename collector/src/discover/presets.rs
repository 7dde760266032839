//! Ready-made selectors: the labels and container names that each operator gives its pods.
//!
//! The containers are those in which PostgreSQL, Patroni, a pooler or pgBackRest write to the standard
//! output. Where an operator has PostgreSQL write files in a volume (StackGres, Spilo, Crunchy), a
//! node's pod logs have Patroni's lines and what comes before PostgreSQL's own logging; those files
//! want a sidecar.

use glob::Pattern;

use super::selector::Selector;

/// The presets' names, as they are configured.
pub const PRESETS: [&str; 5] = ["stackgres", "zalando", "cloudnative-pg", "crunchy", "percona"];

struct Preset {
    labels: &'static str,
    containers: &'static [&'static str],
    cluster: &'static [&'static str],
    role: &'static [&'static str],
}

/// The selectors of a preset; none if there is no such preset.
pub fn preset(name: &str) -> Option<Vec<Selector>> {
    let presets: &[Preset] = match name {
        // StackGres 1.x: its manual selects pods by `app=StackGresCluster,stackgres.io/cluster-name=…`,
        // and `role` is Patroni's role label. `cluster-name` was the key before 1.0.
        "stackgres" => &[Preset {
            labels: "app=StackGresCluster",
            containers: &["patroni", "pgbouncer", "cluster-controller"],
            cluster: &["stackgres.io/cluster-name", "cluster-name"],
            role: &["role"],
        }],
        // Zalando's operator: the defaults of `cluster_labels`, `cluster_name_label`,
        // `pod_role_label` and the container's name in its reference of operator parameters (1.x);
        // before 1.4 `cluster_name_label` was `version` in its charts. Its poolers are deployments with
        // `application=db-connection-pooler`.
        "zalando" => &[
            Preset {
                labels: "application=spilo",
                containers: &["postgres"],
                cluster: &["cluster-name", "version"],
                role: &["spilo-role"],
            },
            Preset {
                labels: "application=db-connection-pooler",
                containers: &["connection-pooler"],
                cluster: &["cluster-name"],
                role: &[],
            },
        ],
        // CloudNativePG 1.15 to 1.29, "Labels and annotations": `cnpg.io/cluster`, and
        // `cnpg.io/instanceRole`, which took the place of the deprecated `role`. Jobs for bootstrap
        // carry the cluster's label too; their containers have other names.
        "cloudnative-pg" => &[Preset {
            labels: "cnpg.io/cluster",
            containers: &["postgres", "pgbouncer"],
            cluster: &["cnpg.io/cluster"],
            role: &["cnpg.io/instanceRole", "role"],
        }],
        // Crunchy's PGO 5: `internal/naming/labels.go` and `names.go`. Patroni sets the role label, so
        // that a leader is `master` or `primary` by Patroni's version.
        "crunchy" => &[CRUNCHY],
        // Percona's operator 2 keeps PGO's labels and containers (its `internal/naming/labels.go`) and
        // adds some under `pgv2.percona.com/` that neither select nor name anything.
        "percona" => &[CRUNCHY],
        _ => return None,
    };
    Some(presets.iter().map(Preset::build).collect())
}

const CRUNCHY: Preset = Preset {
    labels: "postgres-operator.crunchydata.com/cluster",
    containers: &["database", "pgbouncer", "pgbackrest"],
    cluster: &["postgres-operator.crunchydata.com/cluster"],
    role: &["postgres-operator.crunchydata.com/role"],
};

impl Preset {
    fn build(&self) -> Selector {
        let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Selector {
            // Both kinds of constants are tried by a test.
            labels: self.labels.parse().unwrap_or_default(),
            containers: self.containers.iter().flat_map(|name| Pattern::new(name)).collect(),
            cluster: strings(self.cluster),
            role: strings(self.role),
            ..Selector::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::{labels::Labels, pod_path::PodPath};

    /// Whether the preset selects the container, and which cluster and role it then finds.
    fn check(name: &str, container: &str, labels: &[(&str, &str)], expected: Option<[&str; 2]>) {
        let labels: Labels = labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let of = PodPath { namespace: "n", pod: "p", uid: "u", container };
        let selectors = preset(name).unwrap();
        let found = selectors.iter().find(|selector| selector.matches(&of, Some(&labels)));
        let found = found.map(|selector| {
            [selector.cluster(&labels).unwrap(), selector.role(&labels).unwrap_or_default()]
        });
        assert_eq!(found, expected.map(|names| names.map(str::to_owned)), "{name} {labels:?}");
        assert!(!selectors.iter().any(|selector| selector.matches(&of, None)), "labels decide");
    }

    #[test]
    fn each_operators_pods_are_found_with_cluster_and_role() {
        let stackgres = [
            ("app", "StackGresCluster"),
            ("stackgres.io/cluster", "true"),
            ("stackgres.io/cluster-name", "orders"),
            ("role", "master"),
        ];
        check("stackgres", "patroni", &stackgres, Some(["orders", "primary"]));
        check("stackgres", "envoy", &stackgres, None);
        check("stackgres", "patroni", &stackgres[1..], None);

        let zalando =
            [("application", "spilo"), ("cluster-name", "acid"), ("spilo-role", "replica")];
        check("zalando", "postgres", &zalando, Some(["acid", "replica"]));
        check("zalando", "exporter", &zalando, None);
        let pooler = [("application", "db-connection-pooler"), ("cluster-name", "acid")];
        check("zalando", "connection-pooler", &pooler, Some(["acid", ""]));

        let cnpg = [("cnpg.io/cluster", "c"), ("cnpg.io/instanceRole", "primary"), ("role", "x")];
        check("cloudnative-pg", "postgres", &cnpg, Some(["c", "primary"]));
        check(
            "cloudnative-pg",
            "postgres",
            &[cnpg[0], ("role", "replica")],
            Some(["c", "replica"]),
        );
        check("cloudnative-pg", "initdb", &cnpg, None);

        let prefix = "postgres-operator.crunchydata.com/";
        let (cluster, role) = (format!("{prefix}cluster"), format!("{prefix}role"));
        for name in ["crunchy", "percona"] {
            let labels = [(cluster.as_str(), "hippo"), (role.as_str(), "master")];
            check(name, "database", &labels, Some(["hippo", "primary"]));
            check(
                name,
                "database",
                &[(cluster.as_str(), "hippo"), (role.as_str(), "primary")],
                Some(["hippo", "primary"]),
            );
            check(name, "replication-cert-copy", &labels, None);
        }
    }

    #[test]
    fn every_preset_is_whole() {
        for name in PRESETS {
            for selector in preset(name).unwrap() {
                assert!(!selector.labels.is_empty() && !selector.containers.is_empty(), "{name}");
            }
        }
        assert!(preset("other").is_none());
    }
}
