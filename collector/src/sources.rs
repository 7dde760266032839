//! For each file, who writes it. The tail thread asks, when it finds a file and when it closes a
//! forward chunk; [`crate::discover`] learns. Locks are held for a lookup, never across anything that
//! waits.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use trunkline_record::Source;

use crate::{
    config::{Api, Config, ConfigError, Files, host_name},
    discover::{
        annotations::Hints,
        kubernetes::{Access, State},
        pod_path::PodPath,
        pods::{Located, Patience, Pods},
        writer::Writer,
    },
    tail::Wake,
};

/// All that is known of who writes.
#[derive(Debug)]
pub struct Sources {
    sections: Vec<Files>,
    own: Arc<Writer>,
    pods: Option<PodLogs>,
    news: AtomicBool,
    wake: Option<Wake>,
}

/// The logs of a node's pods.
#[derive(Debug)]
pub struct PodLogs {
    /// The directory that they are in.
    dir: PathBuf,
    /// Index of the section that stands for them: what the selectors don't select isn't read.
    section: usize,
    pods: Mutex<Pods>,
    api: Mutex<State>,
}

impl Sources {
    /// Where what `sections` match comes from one source.
    pub fn new(own: Source, sections: Vec<Files>) -> Self {
        Self {
            sections,
            own: Arc::new(Writer::new(own, Hints::default())),
            pods: None,
            news: AtomicBool::new(false),
            wake: None,
        }
    }

    /// As it is configured. `wake` is rung when something is learned. `file` is the configuration's, for
    /// messages.
    pub fn of(file: &Path, config: &Config, wake: Option<Wake>) -> Result<Self, ConfigError> {
        let own = config.source.resolve(|name| std::env::var(name).ok(), host_name());
        let node = own.node.clone();
        let mut sources = Self { wake, ..Self::new(own, config.files(file)?) };
        let kubernetes = &config.kubernetes;
        if kubernetes.enabled {
            let (selectors, section) = config.pod_logs(file)?;
            // It was checked with the configuration.
            let off = kubernetes.api().is_ok_and(|api| api == Api::Off);
            let wait = if off { Duration::ZERO } else { kubernetes.metadata_wait };
            let patience = Patience { wait, remember: kubernetes.remember };
            let access = if off { Access::Off } else { Access::Connecting };
            sources.sections.push(section);
            sources.pods = Some(PodLogs {
                dir: kubernetes.pod_logs.clone(),
                section: sources.sections.len() - 1,
                pods: Mutex::new(Pods::new(selectors, node, patience)),
                api: Mutex::new(State::new(access)),
            });
        }
        Ok(sources)
    }

    /// All sections: those of the configuration, and behind them one for the pods' logs.
    pub fn sections(&self) -> &[Files] {
        &self.sections
    }

    /// Who writes what is in no pod's directory.
    pub fn own(&self) -> &Arc<Writer> {
        &self.own
    }

    /// The logs of the node's pods, where they are collected.
    pub fn pod_logs(&self) -> Option<&PodLogs> {
        self.pods.as_ref()
    }

    /// Who writes the file that this section matched.
    pub fn locate(&self, path: &Path, section: usize, now: Instant) -> Located {
        let own = || Located::Known(Arc::clone(&self.own));
        let Some(logs) = &self.pods else { return own() };
        let demanded = section != logs.section;
        match PodPath::of_file(&logs.dir, path) {
            Some(path) => logs.with(|pods| pods.locate(&path, demanded, now)),
            // The node has links to the same files elsewhere, and a container's directory may hold others.
            None if demanded => own(),
            None => Located::Unwanted,
        }
    }

    /// Whether changes in a directory matter: nothing is read in those of unselected containers.
    pub fn is_watched(&self, dir: &Path, now: Instant) -> bool {
        let Some(logs) = &self.pods else { return true };
        let Some(path) = PodPath::of_directory(&logs.dir, dir) else { return true };
        !matches!(logs.with(|pods| pods.locate(&path, false, now)), Located::Unwanted)
    }

    /// Lets the tail thread look again at files that it couldn't read yet.
    pub fn announce(&self) {
        self.news.store(true, Relaxed);
        if let Some(wake) = &self.wake {
            wake.ring();
        }
    }

    /// Whether something was learned since this was last asked.
    pub fn news(&self) -> bool {
        self.news.swap(false, Relaxed)
    }
}

impl PodLogs {
    /// Index of the section that stands for them.
    pub fn section(&self) -> usize {
        self.section
    }

    /// Looks at, or changes, what is known of pods.
    pub fn with<T>(&self, look: impl FnOnce(&mut Pods) -> T) -> T {
        // What a panic leaves behind is whole: pods are replaced one by one.
        look(&mut self.pods.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How it stands with the API.
    pub fn api(&self) -> State {
        self.api.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over how it stands with the API. Returns whether that is another kind of state.
    pub fn set_api(&self, access: Access) -> bool {
        let mut state = self.api.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = std::mem::discriminant(&state.access) != std::mem::discriminant(&access);
        if changed {
            *state = State::new(access);
        } else {
            state.access = access;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{FilesConfig, KubernetesConfig, SelectConfig};

    const SHOP: &str = "/pods/shop_orders-0_u-1/postgres";

    /// `/other/*` and `/pods/shop*/*/*` by name, and pods of the namespace `shop`.
    fn sources() -> Sources {
        let select = SelectConfig { namespaces: vec!["shop".into()], ..SelectConfig::default() };
        let config = Config {
            files: vec![FilesConfig::new("/other/*"), FilesConfig::new("/pods/demanded_*/*/*")],
            kubernetes: KubernetesConfig {
                enabled: true,
                api: "off".into(),
                pod_logs: "/pods".into(),
                select: vec![select],
                ..KubernetesConfig::default()
            },
            ..Config::default()
        };
        Sources::of(Path::new("c.toml"), &config, None).unwrap()
    }

    #[test]
    fn a_pods_directory_says_whose_file_it_is_and_the_section_whether_it_is_read_at_all() {
        let sources = sources();
        let pods = sources.pod_logs().unwrap().section();
        assert_eq!((sources.sections().len(), pods), (3, 2));
        let locate =
            |path: &str, section| match sources.locate(Path::new(path), section, Instant::now()) {
                Located::Known(writer) => writer.source().namespace.clone().unwrap_or_default(),
                Located::Unwanted => "unwanted".to_owned(),
                Located::Waiting => "waiting".to_owned(),
            };
        let own = sources.own().source().namespace.clone().unwrap_or_default();
        for (path, section, expected) in [
            ("/other/a.csv", 0, own.as_str()),
            ("/pods/demanded_a_u/c/0.log", 1, "demanded"),
            ("/pods/demanded_a_u/c/0.log", pods, "unwanted"),
            ("/pods/shop_orders-0_u-1/postgres/0.log", pods, "shop"),
            ("/pods/shop_orders-0_u-1/postgres/core", pods, "unwanted"),
            ("/pods/shop_orders-0_u-1/postgres/own.csv", 1, own.as_str()),
        ] {
            assert_eq!(locate(path, section), expected, "{path} of section {section}");
        }
    }

    #[test]
    fn directories_of_containers_that_nothing_selects_are_not_watched() {
        let sources = sources();
        for (dir, expected) in
            [(SHOP, true), ("/pods/web_a_u/c", false), ("/pods", true), ("/other", true)]
        {
            assert_eq!(sources.is_watched(Path::new(dir), Instant::now()), expected, "{dir}");
        }
    }

    #[test]
    fn news_are_told_once() {
        let sources = sources();
        assert!(!sources.news());
        sources.announce();
        assert!(sources.news() && !sources.news());
    }
}
