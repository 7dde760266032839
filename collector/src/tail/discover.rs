//! Which files the globs match now.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{config::Files, identity::FileId};

/// One file that a glob matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The name under which it was found (the first, if there are several).
    pub path: PathBuf,
    /// Which file it is, symbolic links followed.
    pub id: FileId,
    /// Its size.
    pub size: u64,
    /// When its content last changed.
    pub modified: SystemTime,
    /// Index of the `[[files]]` section.
    pub section: usize,
    /// Another file of this section in this directory has changed later.
    pub newer: bool,
}

/// The result of one look at the directories.
#[derive(Debug, Default)]
pub struct Scan {
    /// The files, each once; those that nothing newer has replaced first, then by time of change.
    pub files: Vec<Seen>,
    /// The directories in which a change matters.
    pub dirs: BTreeSet<PathBuf>,
    /// What could not be looked at: the path, and why.
    pub problems: BTreeMap<PathBuf, String>,
}

/// Looks at all globs.
pub fn scan(sections: &[Files]) -> Scan {
    let mut scan = Scan::default();
    let mut known = HashSet::new();
    for (section, files) in sections.iter().enumerate() {
        watch_parents(&files.glob, &mut scan.dirs);
        // The glob was checked with the configuration.
        let Ok(paths) = glob::glob(&files.glob) else { continue };
        for entry in paths {
            let path = match entry {
                Ok(path) => path,
                Err(error) => {
                    scan.problems.insert(error.path().to_owned(), error.error().to_string());
                    continue;
                }
            };
            let metadata = match std::fs::metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) => {
                    // A file may vanish between the listing and this.
                    if error.kind() != std::io::ErrorKind::NotFound {
                        scan.problems.insert(path, error.to_string());
                    }
                    continue;
                }
            };
            if !metadata.is_file() || !known.insert(FileId::of(&metadata)) {
                continue;
            }
            if let Some(parent) = path.parent() {
                scan.dirs.insert(parent.to_owned());
            }
            // What happens to the file behind a link happens in the directory where that one is.
            if path.is_symlink()
                && let Ok(target) = path.canonicalize()
                && let Some(parent) = target.parent()
            {
                scan.dirs.insert(parent.to_owned());
            }
            scan.files.push(Seen {
                id: FileId::of(&metadata),
                size: metadata.len(),
                // Every file system under Linux has a time of modification.
                modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                path,
                section,
                newer: false,
            });
        }
    }
    mark_newer(&mut scan.files);
    scan.files.sort_by(|a, b| (a.newer, a.modified, &a.path).cmp(&(b.newer, b.modified, &b.path)));
    scan
}

fn mark_newer(files: &mut [Seen]) {
    let mut latest: HashMap<(usize, PathBuf), SystemTime> = HashMap::new();
    let group = |seen: &Seen| (seen.section, seen.path.parent().unwrap_or(Path::new("/")).into());
    for seen in files.iter() {
        let time = latest.entry(group(seen)).or_insert(seen.modified);
        *time = (*time).max(seen.modified);
    }
    for seen in files {
        seen.newer = latest.get(&group(seen)).is_some_and(|&time| seen.modified < time);
    }
}

/// The directories whose change can make the glob match more: those that its directory part matches,
/// and the deepest one that exists above its first wildcard.
fn watch_parents(pattern: &str, dirs: &mut BTreeSet<PathBuf>) {
    let mut existing = PathBuf::new();
    for part in Path::new(pattern) {
        let next = existing.join(part);
        if part.to_string_lossy().contains(['*', '?', '[']) || !next.is_dir() {
            break;
        }
        existing = next;
    }
    dirs.insert(existing);
    if let Some(parent) = Path::new(pattern).parent().and_then(Path::to_str)
        && let Ok(paths) = glob::glob(parent)
    {
        dirs.extend(paths.flatten().filter(|path| path.is_dir()));
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use trunkline_record::{Format, LogSettings};

    use super::*;

    fn section(glob: &Path) -> Files {
        Files {
            glob: glob.to_str().unwrap().into(),
            format: Format::Csvlog.into(),
            settings: LogSettings::default(),
        }
    }

    fn write(path: &Path, age: u64) {
        fs::write(path, "x").unwrap();
        let time = SystemTime::now() - Duration::from_secs(age);
        fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    fn names(scan: &Scan) -> Vec<(&str, bool)> {
        scan.files
            .iter()
            .map(|seen| (seen.path.file_name().unwrap().to_str().unwrap(), seen.newer))
            .collect()
    }

    #[test]
    fn the_newest_of_each_directory_come_first_then_the_oldest() {
        let dir = tempfile::tempdir().unwrap();
        for (name, age) in [("a/1.csv", 30), ("a/2.csv", 10), ("b/3.csv", 20), ("a/4.log", 1)] {
            fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            write(&dir.path().join(name), age);
        }
        let scan = scan(&[section(&dir.path().join("*/*.csv"))]);
        assert_eq!(names(&scan), [("3.csv", false), ("2.csv", false), ("1.csv", true)]);
        let dirs: Vec<_> = scan.dirs.iter().map(|d| d.strip_prefix(dir.path()).unwrap()).collect();
        assert_eq!(dirs, [Path::new(""), Path::new("a"), Path::new("b")]);
    }

    #[test]
    fn a_file_with_several_names_is_one_file() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("a.csv"), 1);
        fs::hard_link(dir.path().join("a.csv"), dir.path().join("b.csv")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("a.csv"), dir.path().join("c.csv")).unwrap();
        let glob = section(&dir.path().join("*.csv"));
        assert_eq!(names(&scan(&[glob.clone(), glob])), [("a.csv", false)]);
    }

    #[test]
    fn the_directory_of_a_file_behind_a_link_is_watched_too() {
        let dir = tempfile::tempdir().unwrap();
        let (pods, links) = (dir.path().join("pods"), dir.path().join("containers"));
        fs::create_dir(&pods).unwrap();
        fs::create_dir(&links).unwrap();
        write(&pods.join("0.log"), 1);
        std::os::unix::fs::symlink(pods.join("0.log"), links.join("x.log")).unwrap();
        let scan = scan(&[section(&links.join("*.log"))]);
        assert_eq!(names(&scan), [("x.log", false)]);
        assert_eq!(scan.dirs.into_iter().collect::<Vec<_>>(), [links, pods]);
    }

    #[test]
    fn a_directory_that_does_not_exist_yet_is_watched_from_above() {
        let dir = tempfile::tempdir().unwrap();
        let scan = scan(&[section(&dir.path().join("later/log/*.csv"))]);
        assert!(scan.files.is_empty() && scan.problems.is_empty());
        assert_eq!(scan.dirs.into_iter().collect::<Vec<_>>(), [dir.path()]);
    }
}
