//! The pods of this node, as far as they are known, and what that says about a container's log. Pure:
//! time is an argument.
//!
//! A pod that vanishes is remembered for a while, and for as long as one of its files is open: its
//! last lines are often read after it is gone. A log whose pod isn't known is left alone for a bounded
//! time, since what its first forward chunk says of its source can't be said again.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use trunkline_record::Source;

use super::{
    annotations::{Hints, Ineffective},
    labels::Labels,
    pod_path::PodPath,
    selector::Selector,
    writer::Writer,
};

/// What the API says of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What its log directory's name ends with: the uid, or a static pod's manifest hash.
    pub uid: String,
    /// Its labels.
    pub labels: Labels,
    /// Its annotations that are ours.
    pub annotations: Labels,
}

/// Whose log a file is.
#[derive(Clone, Debug)]
pub enum Located {
    /// It is to be read, and this writes it.
    Known(Arc<Writer>),
    /// Its pod isn't known yet, and it is too early to read it without.
    Waiting,
    /// Nothing selects it.
    Unwanted,
}

/// The limits.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long the log of an unknown pod waits for what the API says; nothing where there is no API.
    pub wait: Duration,
    /// How long a pod that is gone is remembered.
    pub remember: Duration,
}

/// The registry.
#[derive(Debug)]
pub struct Pods {
    selectors: Vec<Selector>,
    node: Option<String>,
    patience: Patience,
    /// By uid.
    known: HashMap<String, Known>,
    /// Directories of pods that aren't known: since when, and when they were last asked for.
    strangers: HashMap<String, (Instant, Instant)>,
    /// By uid and container.
    writers: HashMap<(String, String), Arc<Writer>>,
}

#[derive(Debug)]
struct Known {
    pod: Pod,
    gone: Option<Instant>,
}

impl Pods {
    /// No pods yet.
    pub fn new(selectors: Vec<Selector>, node: Option<String>, patience: Patience) -> Self {
        Self {
            selectors,
            node,
            patience,
            known: HashMap::new(),
            strangers: HashMap::new(),
            writers: HashMap::new(),
        }
    }

    /// Whose log it is. With `demanded` it is read whatever the selectors say.
    pub fn locate(&mut self, path: &PodPath<'_>, demanded: bool, now: Instant) -> Located {
        let pod = self.known.get(path.uid).map(|known| &known.pod);
        let pod = pod.filter(|pod| pod.name == path.pod && pod.namespace == path.namespace);
        if pod.is_none() && !self.patience.wait.is_zero() {
            let (since, asked) = self.strangers.entry(path.uid.to_owned()).or_insert((now, now));
            *asked = now;
            if now.saturating_duration_since(*since) < self.patience.wait {
                return Located::Waiting;
            }
        }
        let (source, (hints, problems), selected) = self.describe(path, pod);
        if !(demanded || selected) {
            return Located::Unwanted;
        }
        let key = (path.uid.to_owned(), path.container.to_owned());
        let writer = self.writers.entry(key).or_insert_with(|| {
            complain(path, &problems);
            Arc::new(Writer::new(source, hints))
        });
        Located::Known(Arc::clone(writer))
    }

    /// Nobody is going to say anything: unknown pods are known by their paths from now on.
    pub fn wait_for_none(&mut self) {
        self.patience.wait = Duration::ZERO;
    }

    /// A pod is there, or has changed.
    pub fn apply(&mut self, pod: Pod) {
        self.strangers.remove(&pod.uid);
        let before = self.known.get(&pod.uid);
        for ((_, container), writer) in self.writers.iter().filter(|((uid, _), _)| *uid == pod.uid)
        {
            let path =
                PodPath { namespace: &pod.namespace, pod: &pod.name, uid: &pod.uid, container };
            let (source, (hints, problems), _) = self.describe(&path, Some(&pod));
            if before.is_none_or(|before| before.pod.annotations != pod.annotations) {
                complain(&path, &problems);
            }
            if writer.learn(source) {
                let source = writer.source();
                tracing::info!(
                    namespace = path.namespace,
                    pod = path.pod,
                    container,
                    cluster = source.cluster,
                    role = source.role,
                    "source changed"
                );
            }
            writer.set_hints(hints);
        }
        self.known.insert(pod.uid.clone(), Known { pod, gone: None });
    }

    /// A pod is gone.
    pub fn remove(&mut self, uid: &str, now: Instant) {
        if let Some(known) = self.known.get_mut(uid) {
            known.gone.get_or_insert(now);
        }
    }

    /// These are all pods that there are; the others are gone.
    pub fn replace(&mut self, pods: Vec<Pod>, now: Instant) {
        for (uid, known) in &mut self.known {
            if !pods.iter().any(|pod| pod.uid == *uid) {
                known.gone.get_or_insert(now);
            }
        }
        pods.into_iter().for_each(|pod| self.apply(pod));
    }

    /// Forgets what has been gone for long and has no open file.
    pub fn sweep(&mut self, now: Instant) {
        let long = |since: Instant| now.saturating_duration_since(since) >= self.patience.remember;
        let writers = &self.writers;
        let in_use = |uid: &str| {
            writers.iter().any(|((of, _), writer)| of == uid && Arc::strong_count(writer) > 1)
        };
        self.known.retain(|uid, known| !known.gone.is_some_and(long) || in_use(uid));
        self.strangers.retain(|uid, (_, asked)| !long(*asked) || in_use(uid));
        let (known, strangers) = (&self.known, &self.strangers);
        self.writers.retain(|(uid, _), writer| {
            known.contains_key(uid) || strangers.contains_key(uid) || Arc::strong_count(writer) > 1
        });
    }

    /// How many pods are there.
    pub fn present(&self) -> usize {
        self.known.values().filter(|known| known.gone.is_none()).count()
    }

    /// How many pods have logs and aren't known, though they have been waited for.
    pub fn unknown(&self, now: Instant) -> usize {
        let waited = |since: &Instant| now.saturating_duration_since(*since) >= self.patience.wait;
        self.strangers.values().filter(|(since, _)| waited(since)).count()
    }

    /// The source and the hints that are known, with what is wrong with the hints; and whether the
    /// container is to be read.
    fn describe(
        &self,
        path: &PodPath<'_>,
        pod: Option<&Pod>,
    ) -> (Source, (Hints, Ineffective), bool) {
        let labels = pod.map(|pod| &pod.labels);
        let selector = self.selectors.iter().find(|selector| selector.matches(path, labels));
        let hints = pod.map(|pod| Hints::of(&pod.annotations, path.container)).unwrap_or_default();
        let source = Source {
            namespace: Some(path.namespace.to_owned()),
            pod: Some(path.pod.to_owned()),
            container: Some(path.container.to_owned()),
            node: self.node.clone(),
            cluster: selector.zip(labels).and_then(|(selector, labels)| selector.cluster(labels)),
            role: selector.zip(labels).and_then(|(selector, labels)| selector.role(labels)),
        };
        let selected = hints.0.collect.unwrap_or(selector.is_some());
        (source, hints, selected)
    }
}

/// Says which annotations have no effect.
fn complain(path: &PodPath<'_>, problems: &[(String, String)]) {
    for (annotation, problem) in problems {
        let PodPath { namespace, pod, container, .. } = path;
        tracing::warn!(namespace, pod, container, annotation, problem, "annotation has no effect");
    }
}

#[cfg(test)]
mod tests;
