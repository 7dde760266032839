//! What a pod says of its own logs: annotations under `trunkline.io/`. Each can be given for the whole
//! pod, or for one container by a point and its name, which wins: `trunkline.io/format.patroni`.

use std::borrow::Cow;

use trunkline_record::{Format, LinePrefix, LogTimezone};

use super::labels::Labels;
use crate::config::Files;

/// What the annotations' keys begin with.
pub const PREFIX: &str = "trunkline.io/";

/// Annotations that can't be understood: key and problem.
pub type Ineffective = Vec<(String, String)>;

/// How a container's log is to be read, where its pod says so.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    /// `collect`: to be read although no selector matches, or not to be read although one does.
    pub collect: Option<bool>,
    /// `format`: of the lines that the container writes.
    pub format: Option<Format>,
    /// `log-line-prefix`: the server's setting.
    pub log_line_prefix: Option<LinePrefix>,
    /// `log-timezone`: the server's setting.
    pub log_timezone: Option<LogTimezone>,
}

impl Hints {
    /// Reads the annotations that matter to `container`. What can't be understood is left out, and
    /// comes back beside it.
    pub fn of(annotations: &Labels, container: &str) -> (Self, Ineffective) {
        let mut problems = Ineffective::new();
        let mut text = |name: &str, parse: &mut dyn FnMut(&str) -> Result<(), String>| {
            let own = format!("{PREFIX}{name}.{container}");
            let keys = [own, format!("{PREFIX}{name}")];
            let Some((key, value)) =
                keys.into_iter().find_map(|key| annotations.get(&key).map(|value| (key, value)))
            else {
                return;
            };
            if let Err(problem) = parse(value) {
                problems.push((key, problem));
            }
        };
        let mut hints = Self::default();
        text("collect", &mut |value| {
            hints.collect = Some(match value {
                "true" => true,
                "false" => false,
                _ => return Err(format!("{value:?} is neither \"true\" nor \"false\"")),
            });
            Ok(())
        });
        text("format", &mut |value| {
            // By itself each line is taken for what it is; that is what `cri` does too.
            if value != "auto" {
                hints.format = Some(value.parse::<Format>().map_err(|error| error.to_string())?);
            }
            Ok(())
        });
        text("log-line-prefix", &mut |value| {
            hints.log_line_prefix =
                Some(value.parse::<LinePrefix>().map_err(|error| error.to_string())?);
            Ok(())
        });
        text("log-timezone", &mut |value| {
            hints.log_timezone =
                Some(value.parse::<LogTimezone>().map_err(|error| error.to_string())?);
            Ok(())
        });
        (hints, problems)
    }

    /// A section's settings with what the pod says over them. The format is that of the lines in the
    /// container's log, which itself stays a container's log.
    pub fn apply<'a>(&self, files: &'a Files) -> Cow<'a, Files> {
        if self.format.is_none() && self.log_line_prefix.is_none() && self.log_timezone.is_none() {
            return Cow::Borrowed(files);
        }
        let mut files = files.clone();
        files.settings.content = self.format.or(files.settings.content);
        if let Some(prefix) = &self.log_line_prefix {
            files.settings.log_line_prefix = Some(prefix.clone());
        }
        if let Some(zone) = self.log_timezone {
            files.settings.log_timezone = zone;
        }
        Cow::Owned(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(annotations: &[(&str, &str)], container: &str) -> (Hints, Ineffective) {
        let annotations: Labels =
            annotations.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Hints::of(&annotations, container)
    }

    #[test]
    fn a_containers_own_annotation_wins_over_the_pods() {
        let said = [
            ("trunkline.io/format", "stderr"),
            ("trunkline.io/format.patroni", "patroni-json"),
            ("trunkline.io/collect.exporter", "false"),
            ("trunkline.io/log-timezone", "Europe/Berlin"),
            ("trunkline.io/log-line-prefix", "%m [%p] "),
        ];
        let (postgres, problems) = of(&said, "postgres");
        assert_eq!((postgres.format, postgres.collect), (Some(Format::Stderr), None));
        assert!(postgres.log_timezone.is_some() && postgres.log_line_prefix.is_some());
        assert!(problems.is_empty());
        assert_eq!(of(&said, "patroni").0.format, Some(Format::PatroniJson));
        assert_eq!(of(&said, "exporter").0.collect, Some(false));
        let (none, _) = of(&[("other.io/format", "stderr")], "postgres");
        assert!(none.format.is_none() && none.log_line_prefix.is_none());
    }

    #[test]
    fn what_is_not_understood_is_said_and_changes_nothing() {
        let (hints, problems) = of(
            &[
                ("trunkline.io/format", "xml"),
                ("trunkline.io/collect", "no"),
                ("trunkline.io/log-timezone", "Mars"),
            ],
            "postgres",
        );
        assert!(hints.format.is_none() && hints.collect.is_none() && hints.log_timezone.is_none());
        let keys: Vec<&str> = problems.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(
            keys,
            ["trunkline.io/collect", "trunkline.io/format", "trunkline.io/log-timezone"]
        );
    }
}
