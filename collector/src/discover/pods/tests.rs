//! The registry on a virtual clock.

use super::*;
use crate::discover::presets::preset;

const WAIT: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);
const PATH: PodPath<'_> =
    PodPath { namespace: "shop", pod: "orders-0", uid: "u-1", container: "postgres" };

fn pods(more: Option<Selector>) -> (Pods, Instant) {
    let mut selectors = preset("zalando").unwrap();
    selectors.extend(more);
    let patience = Patience { wait: WAIT, remember: HOUR };
    (Pods::new(selectors, Some("node-7".into()), patience), Instant::now())
}

fn pod(role: &str, annotations: &[(&str, &str)]) -> Pod {
    let of =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    Pod {
        namespace: "shop".into(),
        name: "orders-0".into(),
        uid: "u-1".into(),
        labels: of(&[("application", "spilo"), ("cluster-name", "orders"), ("spilo-role", role)]),
        annotations: of(annotations),
    }
}

fn known(located: Located) -> Arc<Writer> {
    match located {
        Located::Known(writer) => writer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn labels_give_cluster_and_role_and_a_change_of_the_role_is_seen_at_once() {
    let (mut pods, now) = pods(None);
    pods.apply(pod("master", &[]));
    let writer = known(pods.locate(&PATH, false, now));
    let source = writer.source();
    assert_eq!(source.cluster.as_deref(), Some("orders"));
    assert_eq!(source.role.as_deref(), Some("primary"));
    assert_eq!(source.node.as_deref(), Some("node-7"));
    pods.apply(pod("replica", &[]));
    assert_eq!(writer.source().role.as_deref(), Some("replica"));
    assert!(Arc::ptr_eq(&writer, &known(pods.locate(&PATH, false, now))), "one writer a container");
}

#[test]
fn an_unknown_pod_is_waited_for_and_then_only_its_path_counts() {
    let by_path =
        Selector { namespaces: vec![glob::Pattern::new("sh*").unwrap()], ..Selector::default() };
    let (mut pods, now) = pods(Some(by_path));
    assert!(matches!(pods.locate(&PATH, false, now), Located::Waiting));
    assert!(matches!(pods.locate(&PATH, true, now + WAIT / 2), Located::Waiting));
    let writer = known(pods.locate(&PATH, false, now + WAIT));
    assert_eq!(pods.unknown(now + WAIT), 1);
    assert_eq!((&writer.source().cluster, &writer.source().role), (&None, &None));
    let elsewhere = PodPath { namespace: "other", uid: "u-2", ..PATH };
    pods.locate(&elsewhere, false, now);
    assert!(matches!(pods.locate(&elsewhere, false, now + WAIT), Located::Unwanted));
    let id = writer.identity().clone();
    pods.apply(pod("master", &[]));
    assert_eq!(writer.source().cluster.as_deref(), Some("orders"), "labels that come later count");
    assert_eq!(*writer.identity(), id);
    assert_eq!(pods.unknown(now + WAIT), 1, "the other one");
}

#[test]
fn a_pod_of_the_same_name_made_anew_is_another_one() {
    let (mut pods, now) = pods(None);
    pods.apply(pod("master", &[]));
    let old = known(pods.locate(&PATH, false, now));
    pods.remove("u-1", now);
    pods.apply(Pod { uid: "u-2".into(), ..pod("replica", &[]) });
    let new = known(pods.locate(&PodPath { uid: "u-2", ..PATH }, false, now));
    assert_eq!(old.source().role.as_deref(), Some("primary"));
    assert_eq!(new.source().role.as_deref(), Some("replica"));
    let renamed = PodPath { pod: "other", ..PATH };
    assert!(matches!(pods.locate(&renamed, false, now), Located::Waiting), "uid and name must fit");
}

#[test]
fn a_vanished_pod_is_remembered_for_a_while_and_for_as_long_as_a_file_is_open() {
    let (mut pods, now) = pods(None);
    pods.apply(pod("master", &[]));
    pods.replace(Vec::new(), now);
    assert_eq!(pods.present(), 0);
    pods.sweep(now + HOUR / 2);
    let writer = known(pods.locate(&PATH, false, now + HOUR / 2));
    assert_eq!(writer.source().cluster.as_deref(), Some("orders"));
    pods.sweep(now + 2 * HOUR);
    let again = known(pods.locate(&PATH, false, now + 2 * HOUR));
    assert!(Arc::ptr_eq(&writer, &again), "its file is still open");
    drop((writer, again));
    pods.sweep(now + 2 * HOUR);
    assert!(matches!(pods.locate(&PATH, false, now + 2 * HOUR), Located::Waiting));
    pods.sweep(now + 4 * HOUR);
    assert!(pods.known.is_empty() && pods.strangers.is_empty() && pods.writers.is_empty());
}

#[test]
fn a_pods_annotation_decides_over_the_selectors_and_a_demand_over_it() {
    let (mut pods, now) = pods(None);
    pods.apply(pod("master", &[("trunkline.io/collect", "false")]));
    assert!(matches!(pods.locate(&PATH, false, now), Located::Unwanted));
    known(pods.locate(&PATH, true, now));
    let exporter = PodPath { container: "exporter", ..PATH };
    assert!(matches!(pods.locate(&exporter, false, now), Located::Unwanted), "not in the preset");
    pods.apply(pod("master", &[("trunkline.io/collect.exporter", "true")]));
    known(pods.locate(&exporter, false, now));
    known(pods.locate(&PATH, false, now));
}
