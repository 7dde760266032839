//! What the path of a container's log says: kubelet names the directories
//! `<pod logs>/<namespace>_<pod>_<uid>/<container>/`, and the files `<restarts>.log`, or
//! `<restarts>.log.<time>` and `<restarts>.log.<time>.gz` once they are rotated.

use std::path::Path;

/// Whose log a file is, by its path alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodPath<'a> {
    /// The pod's namespace.
    pub namespace: &'a str,
    /// The pod's name.
    pub pod: &'a str,
    /// The pod's uid; for a static pod, the hash of its manifest.
    pub uid: &'a str,
    /// The container's name.
    pub container: &'a str,
}

impl<'a> PodPath<'a> {
    /// Takes a log file's path under `pod_logs` apart; none if it isn't a container's log.
    pub fn of_file(pod_logs: &Path, path: &'a Path) -> Option<Self> {
        let found = Self::of_directory(pod_logs, path.parent()?)?;
        is_log(path.file_name()?.to_str()?).then_some(found)
    }

    /// The same for the directory that a container's logs are in.
    pub fn of_directory(pod_logs: &Path, path: &'a Path) -> Option<Self> {
        let mut parts = path.strip_prefix(pod_logs).ok()?.iter();
        let (pod, container) = (parts.next()?.to_str()?, parts.next()?.to_str()?);
        if parts.next().is_some() {
            return None;
        }
        // None of the three can hold an underscore: they are DNS names.
        let mut names = pod.split('_');
        let (namespace, pod, uid) = (names.next()?, names.next()?, names.next()?);
        let whole = ![namespace, pod, uid, container].contains(&"") && names.next().is_none();
        whole.then_some(Self { namespace, pod, uid, container })
    }
}

/// Whether a name is that of a log, and not of a file that is being compressed or removed.
fn is_log(name: &str) -> bool {
    let Some((restarts, rotated)) = name.split_once(".log") else { return false };
    let rotated = rotated.strip_suffix(".gz").unwrap_or(rotated);
    let time = |c: char| c.is_ascii_digit() || c == '-';
    !restarts.is_empty()
        && restarts.bytes().all(|byte| byte.is_ascii_digit())
        && match rotated.strip_prefix('.') {
            Some(rotated) => !rotated.is_empty() && rotated.chars().all(time),
            None => rotated.is_empty(),
        }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOGS: &str = "/var/log/pods";

    fn check(path: &str, expected: Option<[&str; 4]>) {
        let found = PodPath::of_file(Path::new(LOGS), Path::new(path));
        let found = found.map(|found| [found.namespace, found.pod, found.uid, found.container]);
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn a_containers_log_says_whose_it_is() {
        let pod = format!("{LOGS}/shop_orders-db-0_0b7a6c1e-55d1/postgres");
        let expected = Some(["shop", "orders-db-0", "0b7a6c1e-55d1", "postgres"]);
        for file in ["0.log", "12.log", "0.log.20261122-225546", "0.log.20261122-225546.gz"] {
            check(&format!("{pod}/{file}"), expected);
        }
    }

    #[test]
    fn what_is_no_log_of_a_container_says_nothing() {
        let pod = format!("{LOGS}/shop_orders-db-0_0b7a6c1e-55d1/postgres");
        for file in ["log", ".log", "a.log", "0.logs", "0.log.", "0.log.20261122-225546.tmp", ""] {
            check(&format!("{pod}/{file}"), None);
        }
        for path in [
            "/elsewhere/a_b_c/d/0.log",
            "/var/log/pods/0.log",
            "/var/log/pods/a_b_c/0.log",
            "/var/log/pods/a_b/d/0.log",
            "/var/log/pods/a_b_c_d/d/0.log",
            "/var/log/pods/a__c/d/0.log",
            "/var/log/pods/a_b_c/d/e/0.log",
        ] {
            check(path, None);
        }
    }

    proptest! {
        #[test]
        fn no_path_breaks_it(path in "\\PC*", name in "[0-9a-z.]*") {
            let path = Path::new(LOGS).join(path.trim_start_matches('/')).join(name);
            PodPath::of_file(Path::new(LOGS), &path);
        }

        #[test]
        fn names_come_back(
            namespace in "[a-z][a-z0-9-]{0,20}", pod in "[a-z][a-z0-9.-]{0,20}",
            uid in "[0-9a-f-]{1,36}", container in "[a-z][a-z0-9-]{0,20}", n in 0..1000,
        ) {
            let path = format!("{LOGS}/{namespace}_{pod}_{uid}/{container}/{n}.log");
            check(&path, Some([&namespace, &pod, &uid, &container]));
        }
    }
}
