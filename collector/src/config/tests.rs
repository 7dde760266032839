//! Configuration: the sample is true, wrong ones are refused in one line.

// figment's `Jail` takes closures that return figment's own error.
#![allow(clippy::result_large_err)]

use std::fs;

use figment::Jail;

use super::*;

const SAMPLE: &str = include_str!("../../collector.toml");
const LEAST: &str = "[[files]]\npath = '/log/*.csv'\n";

fn load(text: &str) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.toml");
    fs::write(&file, text).unwrap();
    Config::load(&file)
        .map_err(|error| error.to_string().replace(&dir.path().display().to_string(), ""))
}

fn refuses(text: &str, expected: &str) {
    let message = load(text).unwrap_err();
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(message.starts_with(expected), "{message}\nexpected: {expected}");
}

#[test]
fn the_samples_values_are_the_defaults() {
    let sample = load(SAMPLE).unwrap();
    let mut expected = load(LEAST).unwrap();
    expected.files[0].path = "/var/lib/postgresql/data/log/*.csv".into();
    assert_eq!(sample, expected);
}

#[test]
fn the_sample_names_every_key() {
    let mut all = load(LEAST).unwrap();
    let some = || Some("x".to_owned());
    let files = &mut all.files[0];
    (files.log_timezone, files.log_line_prefix) = (some(), some());
    (files.patroni_format, files.patroni_dateformat) = (some(), some());
    files.content = some();
    all.source = SourceConfig {
        namespace: some(),
        cluster: some(),
        pod: some(),
        container: some(),
        node: some(),
        role: some(),
    };
    all.patroni.url = some();
    all.kubernetes.select = vec![SelectConfig {
        cluster_label: some(),
        role_label: some(),
        roles: [("leader".to_owned(), "primary".to_owned())].into(),
        ..SelectConfig::default()
    }];
    let all = toml::to_string(&all).unwrap();
    let keys = all.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key);
    for key in keys {
        let (set, out) = (format!("\n{key} = "), format!("\n# {key} = "));
        assert!(SAMPLE.contains(&set) || SAMPLE.contains(&out), "{key} is not in the sample");
    }
}

#[test]
fn kubernetes_needs_no_files_and_says_what_is_wrong_with_a_selector() {
    let config = load("[kubernetes]\nenabled = true").unwrap();
    let (selectors, section) = config.pod_logs(Path::new("c.toml")).unwrap();
    assert!(selectors.len() > 4, "all presets");
    assert_eq!(section.glob, "/var/log/pods/*/*/*.log*");
    let select = "[kubernetes]\nenabled = true\npreset = []\n";
    refuses(select, "/c.toml: kubernetes.preset: neither a preset nor");
    let select = format!("{select}[[kubernetes.select]]\n");
    load(&select).unwrap();
    for (line, expected) in [
        ("labels = 'a in b'", "kubernetes.select.labels: \"a in b\" is not a requirement"),
        ("pods = ['a[']", "kubernetes.select.pods: \"a[\": "),
        ("role_label = 'a b'", "kubernetes.select.role_label: \"a b\" is no label's key"),
        ("role = 'x'", "kubernetes.select.0.role: unknown field"),
    ] {
        refuses(&format!("{select}{line}"), &format!("/c.toml: {expected}"));
    }
    let more = |line: &str| format!("{LEAST}[kubernetes]\n{line}");
    refuses(&more("preset = ['x']"), "/c.toml: kubernetes.preset: \"x\" is none of stackgres");
    refuses(&more("api = 'x'"), "/c.toml: kubernetes.api: \"x\" is neither");
    refuses(&more("pod_logs = 'x'"), "/c.toml: kubernetes.pod_logs: \"x\" is not an absolute");
}

#[test]
fn patronis_url_is_checked() {
    let patroni = |lines: &str| format!("{LEAST}[patroni]\n{lines}");
    load(&patroni("url = 'http://[::1]:8008/patroni'")).unwrap();
    load(&patroni("url = 'https://p:8008'\ntls = { ca = '/ca.pem' }")).unwrap();
    for (lines, expected) in [
        ("url = 'https://p:8008'", "url: \"https://p:8008\" needs [patroni.tls]"),
        ("url = 'p:8008'", "url: \"p:8008\" is neither http nor https"),
        ("url = '/patroni'", "url: \"/patroni\" names no host"),
        ("url = 'http://a b'", "url: \"http://a b\" is not a URL"),
        ("timeout = '0s'", "timeout: must be at least 1ms"),
        ("interval = '1m'", "role_expires: must be longer"),
    ] {
        refuses(&patroni(lines), &format!("/c.toml: patroni.{expected}"));
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    Jail::expect_with(|jail| {
        jail.create_file("c.toml", &format!("{LEAST}[ship]\naddress = 'a:1'\nwindow = '1MiB'"))?;
        jail.set_env("TRUNKLINE_COLLECTOR_SHIP__ADDRESS", "b:2");
        jail.set_env("TRUNKLINE_COLLECTOR_TAIL__POLL_INTERVAL", "1s");
        let config = Config::load(Path::new("c.toml")).unwrap();
        assert_eq!(config.ship.address.to_string(), "b:2");
        assert_eq!(config.ship.window, ByteSize::mib(1));
        assert_eq!(config.tail.poll_interval, Duration::from_secs(1));

        jail.set_env("TRUNKLINE_COLLECTOR_SHIP__WINDO", "1MiB");
        let error = Config::load(Path::new("c.toml")).unwrap_err().to_string();
        assert!(error.starts_with("environment: "), "{error}");
        assert!(error.contains("windo"), "{error}");
        Ok(())
    });
}

#[test]
fn what_kubernetes_says_of_a_service_named_like_us_is_no_setting() {
    Jail::expect_with(|jail| {
        jail.create_file("c.toml", LEAST)?;
        jail.set_env("TRUNKLINE_COLLECTOR_SERVICE_HOST", "10.0.0.1");
        jail.set_env("TRUNKLINE_COLLECTOR_PORT_8081_TCP", "tcp://10.0.0.1:8081");
        jail.set_env("TRUNKLINE_COLLECTOR_PORT", "tcp://10.0.0.1:8081");
        Config::load(Path::new("c.toml")).unwrap();
        Ok(())
    });
}

#[test]
fn files_can_come_from_the_environment() {
    Jail::expect_with(|jail| {
        jail.create_file("c.toml", "")?;
        jail.set_env("TRUNKLINE_COLLECTOR_FILES", r#"[{path="/a/*.csv"},{path="/b/*.csv"}]"#);
        let config = Config::load(Path::new("c.toml")).unwrap();
        assert_eq!(config.files[1].path, "/b/*.csv");
        Ok(())
    });
}

#[test]
fn a_wrong_configuration_is_one_line_with_file_key_and_problem() {
    refuses("", "/c.toml: files: no [[files]] section");
    refuses("[ship", "/c.toml: ");
    refuses(&format!("{LEAST}[ship]\nwindw = '1MiB'"), "/c.toml: ship.windw: unknown field");
    refuses(&format!("{LEAST}[ship]\nwindow = 'many'"), "/c.toml: ship.window: ");
    refuses(&format!("{LEAST}[ship]\nwindow = '1KiB'"), "/c.toml: ship.window: 1.0 KiB is not");
    refuses(&format!("{LEAST}[ship]\naddress = 'nohost'"), "/c.toml: ship.address: \"nohost\"");
    refuses(&format!("{LEAST}[tail]\npoll_interval = 3"), "/c.toml: tail.poll_interval: ");
    refuses(&format!("{LEAST}[tail]\npoll_interval = '0s'"), "/c.toml: tail.poll_interval: must");
    refuses(&format!("{LEAST}[http]\nlisten = 'here'"), "/c.toml: http.listen: \"here\"");
    refuses(&format!("{LEAST}[log]\nlevel = 'x=y=z'"), "/c.toml: log.level: ");
    refuses("[[files]]\npath = '/a/[b'", "/c.toml: files.path: \"/a/[b\" is not a glob");
    refuses(
        "[[files]]\npath = 'log/*.csv'",
        "/c.toml: files.path: \"log/*.csv\" is not an absolute",
    );
    refuses("[[files]]\npath = '/a'\nformat = 'xml'", "/c.toml: files.format: ");
    refuses("[[files]]\npath = '/a'\nlog_timezone = 'Mars'", "/c.toml: files.log_timezone: ");
    refuses(
        "[[files]]\npath = '/a'\nlog_line_prefix = \"%m\\n\"",
        "/c.toml: files.log_line_prefix: \"%m\\n\": ",
    );
    refuses(
        "[[files]]\npath = '/a'\npatroni_format = 'x'\npatroni_dateformat = '%Q'",
        "/c.toml: files.patroni_format: \"x\": ",
    );
    refuses(
        "[[files]]\npath = '/a'\npatroni_dateformat = '%Q'",
        "/c.toml: files.patroni_dateformat: \"%Q\": ",
    );
    refuses("[[files]]\npath = '/a'\ncontent = 'text'", "/c.toml: files.content: \"text\": ");
    refuses("[[files]]\npath = '/a'\nwatch = 'poll'", "/c.toml: files.0.watch: unknown field");
    refuses(&format!("{LEAST}[tail]\nwatch = 'inotify'"), "/c.toml: tail.watch: unknown variant");
    refuses("[[files]]\nformat = 'csvlog'", "/c.toml: files.0: missing field `path`");
    assert!(Config::load(Path::new("/nowhere/c.toml")).is_err());
}

#[test]
fn the_source_fills_its_gaps_from_the_downward_api() {
    let environment = |name: &str| match name {
        "POD_NAMESPACE" => Some("ns".to_owned()),
        "POD_NAME" => Some("pod-1".to_owned()),
        "NODE_NAME" => Some(String::new()),
        _ => None,
    };
    let set = SourceConfig { cluster: Some("c".into()), ..SourceConfig::default() };
    let source = set.resolve(environment, Some("host".into()));
    assert_eq!(source.namespace.as_deref(), Some("ns"));
    assert_eq!(source.pod.as_deref(), Some("pod-1"));
    assert_eq!(source.cluster.as_deref(), Some("c"));
    assert_eq!((source.node, source.role), (None, None), "absent, never empty");
    let source = SourceConfig::default().resolve(|_| None, Some("host".into()));
    assert_eq!(source.pod.as_deref(), Some("host"));
}
