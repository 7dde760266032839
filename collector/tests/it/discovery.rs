//! Who wrote what: pods by their paths, labels and annotations, and Patroni's role.

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;
use trunkline_collector::config::{Config, SelectConfig};
use trunkline_record::Source;

use crate::{
    api_server::{ApiServer, NODE, Pod},
    receiver::{Receiver, State},
    running::{Running, config},
    status,
};

const PRIMARY: &[(&str, &str)] =
    &[("application", "spilo"), ("cluster-name", "orders"), ("spilo-role", "master")];
const REPLICA: &[(&str, &str)] =
    &[("application", "spilo"), ("cluster-name", "orders"), ("spilo-role", "replica")];
const POD: Pod<'_> = Pod { name: "orders-0", uid: "u-0", labels: PRIMARY, annotations: &[] };

struct Scene {
    dir: TempDir,
    receiver: Receiver,
    api: ApiServer,
    config: Config,
}

impl Scene {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (receiver, api) = (Receiver::start().await, ApiServer::start().await);
        let mut config = config(dir.path(), &receiver);
        config.files.clear();
        config.source.node = Some(NODE.into());
        config.tail.record_pause = Duration::from_millis(20);
        config.kubernetes.enabled = true;
        config.kubernetes.api = api.url();
        config.kubernetes.pod_logs = dir.path().join("pods");
        Self { dir, receiver, api, config }
    }

    fn log(&self, pod: &Pod<'_>, container: &str) -> PathBuf {
        let pod = format!("pods/shop_{}_{}/{container}", pod.name, pod.uid);
        self.dir.path().join(pod).join("0.log")
    }

    /// The pod's container writes a line; as Patroni writes it, and as a node keeps it.
    fn write(&self, pod: &Pod<'_>, container: &str, message: &str) {
        let line = format!("2026-11-22 22:36:24,800 INFO: {message}");
        self.write_line(pod, container, &line);
    }

    fn write_line(&self, pod: &Pod<'_>, container: &str, line: &str) {
        let path = self.log(pod, container);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        // The first line of each container's log is its own.
        let (name, uid) = (pod.name.len(), pod.uid.as_bytes().last().unwrap());
        let time = format!("2026-11-22T22:36:24.8{name:03}{uid:03}{:03}Z", container.len());
        writeln!(file, "{time} stdout F {line}").unwrap();
    }

    async fn arrives(&self, message: &str) -> Source {
        self.receiver.wait(message, |state| source_of(state, message).is_some()).await;
        self.receiver.look(|state| source_of(state, message).unwrap())
    }

    fn unbreached(&self) {
        self.receiver.look(|state| assert!(state.breaches.is_empty(), "{:#?}", state.breaches));
    }
}

/// The source that the forward chunk with this message named.
fn source_of(state: &State, message: &str) -> Option<Source> {
    state.streams.iter().find_map(|(stream, stored)| {
        let (position, _) = stored.rows.iter().find(|(_, text)| text == message)?;
        let holds = |from: u64, to: u64| (from..to).contains(position);
        let mut arrivals = state.arrivals.iter();
        let arrival = arrivals.find(|a| a.stream == *stream && holds(a.from, a.to))?;
        Some(arrival.source.clone())
    })
}

fn source(cluster: Option<&str>, role: Option<&str>) -> Source {
    Source {
        namespace: Some("shop".into()),
        pod: Some("orders-0".into()),
        container: Some("postgres".into()),
        node: Some(NODE.into()),
        cluster: cluster.map(Into::into),
        role: role.map(Into::into),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_waits_for_its_pods_labels_and_carries_them() {
    let mut scene = Scene::new().await;
    // It could be read at once, if nobody cared for its labels.
    scene.config.kubernetes.select = vec![SelectConfig {
        containers: vec!["postgres".into()],
        cluster_label: Some("cluster-name".into()),
        role_label: Some("spilo-role".into()),
        ..SelectConfig::default()
    }];
    scene.write(&POD, "postgres", "one");
    scene.write(&POD, "exporter", "not selected");
    let running = Running::start(scene.config.clone());
    while scene.api.watches() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    scene.receiver.look(|state| assert!(state.arrivals.is_empty(), "before it is known whose"));
    scene.api.apply(&POD);
    assert_eq!(scene.arrives("one").await, source(Some("orders"), Some("primary")));
    running.stop().await;
    assert_eq!(scene.receiver.rows().len(), 1);
    scene.unbreached();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_role_is_that_of_what_is_read_from_then_on() {
    let scene = Scene::new().await;
    scene.api.apply(&POD);
    scene.write(&POD, "postgres", "before");
    let running = Running::start(scene.config.clone());
    assert_eq!(scene.arrives("before").await.role.as_deref(), Some("primary"));
    scene.api.apply(&Pod { labels: REPLICA, ..POD });
    later(&scene, "after", source(Some("orders"), Some("replica"))).await;
    assert_eq!(scene.arrives("before").await.role.as_deref(), Some("primary"));
    scene.receiver.look(|state| {
        assert_eq!(state.streams.len(), 1, "labels don't make another stream");
        assert!(state.arrivals.is_sorted_by_key(|a| a.source.role == Some("replica".into())));
    });
    running.stop().await;
    scene.unbreached();
}

/// Writes lines until one arrives with this source: what was learned takes a moment to get around.
async fn later(scene: &Scene, message: &str, expected: Source) {
    for n in 0..1000 {
        let message = format!("{message} {n}");
        scene.write(&POD, "postgres", &message);
        if scene.arrives(&message).await == expected {
            return;
        }
    }
    panic!("no line arrived with {expected:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_watch_and_one_that_was_forgotten_are_resumed_without_loss() {
    let scene = Scene::new().await;
    scene.api.apply(&POD);
    scene.write(&POD, "postgres", "first");
    let running = Running::start(scene.config.clone());
    scene.arrives("first").await;
    let lists = scene.api.lists();

    // The watch goes on where it broke.
    scene.api.break_watches();
    scene.api.apply(&Pod { labels: REPLICA, ..POD });
    later(&scene, "second", source(Some("orders"), Some("replica"))).await;
    assert_eq!(scene.api.lists(), lists, "no need to list anew");

    // It can't: what changed since is in no event.
    let (gone, come) =
        (Pod { name: "gone-1", uid: "u-1", ..POD }, Pod { name: "come-2", uid: "u-2", ..POD });
    scene.api.apply(&gone);
    scene.write(&gone, "postgres", "of one that goes");
    scene.arrives("of one that goes").await;
    scene.api.break_watches();
    scene.api.apply(&POD);
    scene.api.apply(&come);
    scene.api.delete(&gone);
    scene.api.forget();
    scene.write(&come, "postgres", "of one that came");
    scene.write(&gone, "postgres", "of one that is gone");
    later(&scene, "third", source(Some("orders"), Some("primary"))).await;
    assert!(scene.api.lists() > lists, "listed anew");
    assert_eq!(scene.arrives("of one that came").await.cluster.as_deref(), Some("orders"));
    assert_eq!(scene.arrives("of one that is gone").await.cluster.as_deref(), Some("orders"));
    running.stop().await;
    scene.unbreached();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_lines_of_a_deleted_pod_carry_its_labels() {
    let scene = Scene::new().await;
    scene.api.apply(&POD);
    scene.write(&POD, "postgres", "one");
    let running = Running::start(scene.config.clone());
    scene.arrives("one").await;
    scene.api.delete(&POD);
    // Events come in order: when this pod is known, the other one is known to be gone.
    let marker = Pod { name: "marker-0", uid: "u-9", ..POD };
    scene.api.apply(&marker);
    scene.write(&marker, "postgres", "marker");
    scene.arrives("marker").await;
    scene.write(&POD, "postgres", "two");
    // A container that has not been read from at all.
    let of_pod = source(Some("orders"), Some("primary"));
    let second = scene.log(&POD, "postgres").with_file_name("1.log");
    let line = "2026-11-22T22:36:25.000000001Z stdout F 2026-11-22 22:36:25,000 INFO: three\n";
    fs::write(&second, line).unwrap();
    assert_eq!(scene.arrives("two").await, of_pod);
    assert_eq!(scene.arrives("three").await, of_pod);
    running.stop().await;
    scene.unbreached();
}

#[tokio::test(flavor = "multi_thread")]
async fn annotations_decide_what_is_read() {
    let mut scene = Scene::new().await;
    let address = status::listen(&mut scene.config);
    scene.api.apply(&Pod {
        annotations: &[
            ("trunkline.io/collect", "false"),
            ("trunkline.io/collect.exporter", "true"),
        ],
        ..POD
    });
    scene.write(&POD, "postgres", "unwanted");
    scene.write(&POD, "exporter", "wanted");
    let running = Running::start(scene.config.clone());
    assert_eq!(scene.arrives("wanted").await.container.as_deref(), Some("exporter"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(scene.receiver.rows().len(), 1);
    scene.api.apply(&POD);
    scene.arrives("unwanted").await;

    // What is open is let go, and goes on where it was when it is wanted again.
    let status_of = |status: &serde_json::Value| status["files"]["open"].as_i64().unwrap();
    status::wait(address, "two files", |status| status_of(status) == 1).await;
    scene.api.apply(&Pod { annotations: &[("trunkline.io/collect", "false")], ..POD });
    status::wait(address, "no file", |status| status_of(status) == 0).await;
    scene.write(&POD, "postgres", "meanwhile");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(scene.receiver.rows().len(), 2);
    scene.api.apply(&POD);
    scene.arrives("meanwhile").await;
    running.stop().await;
    scene.unbreached();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_annotation_says_what_a_containers_lines_are() {
    let scene = Scene::new().await;
    let annotations = &[("trunkline.io/format.connection-pooler", "stderr")];
    let labels = &[("application", "db-connection-pooler"), ("cluster-name", "orders")];
    let (plain, said) = (Pod { labels, ..POD }, Pod { uid: "u-1", labels, annotations, ..POD });
    for pod in [&plain, &said] {
        scene.api.apply(pod);
        // By itself it is taken for Patroni's.
        scene.write(pod, "connection-pooler", pod.uid);
        scene.write(pod, "connection-pooler", "last");
    }
    let running = Running::start(scene.config.clone());
    scene.arrives("u-0").await;
    scene.arrives("2026-11-22 22:36:24,800 INFO: u-1").await;
    running.stop().await;
    scene.unbreached();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_permission_the_path_alone_counts_and_the_page_says_so() {
    let mut scene = Scene::new().await;
    scene.api.apply(&POD);
    scene.api.forbid(true);
    scene.config.kubernetes.metadata_wait = Duration::from_millis(300);
    scene.config.kubernetes.select =
        vec![SelectConfig { pods: vec!["orders-*".into()], ..SelectConfig::default() }];
    let address = status::listen(&mut scene.config);
    let other = Pod { name: "web-0", uid: "u-5", ..POD };
    scene.write(&POD, "postgres", "one");
    scene.write(&other, "postgres", "not asked for");
    let running = Running::start(scene.config.clone());
    assert_eq!(scene.arrives("one").await, source(None, None));
    let status = status::wait(address, "failing", |status| {
        status["kubernetes"]["api"] == "failing" && status["kubernetes"]["pods_unknown"] == 2
    })
    .await;
    let kubernetes = &status["kubernetes"];
    assert!(kubernetes["error"].as_str().unwrap().contains("pods is forbidden"), "{kubernetes}");
    assert!(kubernetes["unknown"].as_str().unwrap().contains("cluster and role"), "{kubernetes}");

    // The permission comes: what is open learns its cluster and stays the stream that it was.
    scene.api.forbid(false);
    let status =
        status::wait(address, "watching", |status| status["kubernetes"]["api"] == "watching").await;
    assert_eq!(status["kubernetes"]["pods"], 1);
    scene.write(&POD, "postgres", "two");
    // The first selector matches, and names no label for them.
    assert_eq!(scene.arrives("two").await, source(None, None));
    scene.receiver.look(|state| assert_eq!(state.streams.len(), 1));
    running.stop().await;
    scene.unbreached();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_api_nothing_is_waited_for() {
    let mut scene = Scene::new().await;
    scene.config.kubernetes.api = "off".into();
    scene.config.kubernetes.metadata_wait = Duration::from_secs(3600);
    scene.config.kubernetes.select =
        vec![SelectConfig { namespaces: vec!["shop".into()], ..SelectConfig::default() }];
    scene.write(&POD, "postgres", "one");
    let running = Running::start(scene.config.clone());
    assert_eq!(scene.arrives("one").await, source(None, None));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_config_says_of_each_file_whose_it_is_and_how_far() {
    let scene = Scene::new().await;
    scene.api.apply(&POD);
    scene.write(&POD, "postgres", "one");
    let running = Running::start(scene.config.clone());
    scene.arrives("one").await;
    running.stop().await;
    let read = fs::metadata(scene.log(&POD, "postgres")).unwrap().len();
    scene.write(&POD, "postgres", "two");
    scene.write(&POD, "exporter", "unselected");
    let unknown = Pod { name: "unknown-0", uid: "u-8", ..POD };
    scene.write(&unknown, "postgres", "one");
    let toml = scene.dir.path().join("collector.toml");
    fs::write(&toml, toml::to_string(&scene.config).unwrap()).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_trunkline-collector"))
        .args(["check-config", "--config", toml.to_str().unwrap()])
        .env_clear()
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let path = scene.log(&POD, "postgres");
    let size = fs::metadata(&path).unwrap().len();
    for expected in [
        "# pods of this node: 1".to_owned(),
        "# files that match now: 1\n".to_owned(),
        format!("#   cri {size:>12} bytes  {:>12} to go  {}\n", size - read, path.display()),
        format!(
            "namespace=shop cluster=orders pod=orders-0 container=postgres node={NODE} role=primary"
        ),
        format!(
            "of a pod that the API doesn't know: {}",
            scene.log(&unknown, "postgres").display()
        ),
        "# logs of pods that nothing selects: 1\n".to_owned(),
    ] {
        assert!(text.contains(&expected), "{expected} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn patronis_role_of_the_moment_goes_with_what_is_read() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("log")).unwrap();
    let receiver = Receiver::start().await;
    let role = std::sync::Arc::new(std::sync::Mutex::new("master"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/patroni", listener.local_addr().unwrap());
    let said = std::sync::Arc::clone(&role);
    let answer = move || {
        let role = *said.lock().unwrap();
        std::future::ready(axum::Json(json!({"role": role, "patroni": {"scope": "orders"}})))
    };
    let router = axum::Router::new().route("/patroni", axum::routing::get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let mut config = config(dir.path(), &receiver);
    config.patroni.url = Some(url);
    config.patroni.interval = Duration::from_millis(10);
    let file = dir.path().join("log/a.csv");
    fs::write(&file, crate::csvlog::record("one")).unwrap();
    let running = Running::start(config);
    let arrived = |message: &'static str| {
        let receiver = receiver.clone();
        async move {
            receiver.wait(message, |state| source_of(state, message).is_some()).await;
            receiver.look(|state| source_of(state, message).unwrap())
        }
    };
    let first = arrived("one").await;
    assert_eq!(
        (first.role.as_deref(), first.cluster.as_deref()),
        (Some("primary"), Some("orders"))
    );
    *role.lock().unwrap() = "replica";
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut log = File::options().append(true).open(&file).unwrap();
    log.write_all(crate::csvlog::record("two").as_bytes()).unwrap();
    assert_eq!(arrived("two").await.role.as_deref(), Some("replica"));
    running.stop().await;
}
