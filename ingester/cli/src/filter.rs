//! The filter's flags: the query API's parameters by the same names, with hyphens.

use clap::Args;

use crate::Failure;

/// Which rows.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filter (flags may be repeated; an empty value means NULL)")]
pub struct FilterArgs {
    /// postgres, patroni, component or all
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// From this moment on: RFC 3339, or before now, as -15m, -2h, -1d
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Before this moment
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    #[arg(long, value_name = "NAME")]
    namespace: Vec<String>,
    #[arg(long, short, value_name = "NAME")]
    cluster: Vec<String>,
    #[arg(long, short, value_name = "NAME")]
    pod: Vec<String>,
    /// What the server was when it wrote the row: primary, replica, …
    #[arg(long, value_name = "ROLE")]
    role: Vec<String>,
    #[arg(long, short, value_name = "SEVERITY")]
    severity: Vec<String>,
    /// This severity or a graver one
    #[arg(long, value_name = "SEVERITY")]
    min_severity: Option<String>,
    #[arg(long, short, value_name = "NAME")]
    user: Vec<String>,
    #[arg(long, short, value_name = "NAME")]
    database: Vec<String>,
    /// application_name of the session
    #[arg(long, value_name = "NAME")]
    application: Vec<String>,
    #[arg(long, value_name = "TYPE")]
    backend_type: Vec<String>,
    #[arg(long, value_name = "CODE")]
    sqlstate: Vec<String>,
    #[arg(long, value_name = "PID")]
    pid: Vec<String>,
    #[arg(long, value_name = "ID")]
    session: Vec<String>,
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    query_id: Vec<String>,
    #[arg(long, value_name = "NAME")]
    component: Vec<String>,
    /// Not these, as --not cluster=orders
    #[arg(long, value_name = "FILTER=VALUE")]
    not: Vec<String>,
    /// This text, whatever its case, in message, detail, hint, query or context
    #[arg(long, short, value_name = "TEXT")]
    text: Option<String>,
    /// A regular expression of PostgreSQL's, in the same columns
    #[arg(long, value_name = "REGEX")]
    regex: Option<String>,
    /// A condition in SQL over the table's columns
    #[arg(long = "where", short = 'w', value_name = "CONDITION")]
    condition: Option<String>,
}

/// Flags that can stand behind `--not`, and that may be repeated.
type Repeatable<'a> = (&'static str, &'a [String]);

impl FilterArgs {
    /// As the query API takes it.
    pub fn parameters(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut parameters = Vec::new();
        let once = [
            ("table", &self.table),
            ("from", &self.from),
            ("to", &self.to),
            ("min_severity", &self.min_severity),
            ("text", &self.text),
            ("regex", &self.regex),
            ("where", &self.condition),
        ];
        for (name, value) in once {
            parameters.extend(value.iter().map(|value| (name.to_owned(), value.clone())));
        }
        for (name, values) in self.repeatable() {
            parameters.extend(values.iter().map(|value| (name.to_owned(), value.clone())));
        }
        for not in &self.not {
            parameters.push(self.negated(not)?);
        }
        Ok(parameters)
    }

    fn repeatable(&self) -> [Repeatable<'_>; 14] {
        [
            ("namespace", &self.namespace),
            ("cluster", &self.cluster),
            ("pod", &self.pod),
            ("role", &self.role),
            ("severity", &self.severity),
            ("user", &self.user),
            ("database", &self.database),
            ("application", &self.application),
            ("backend_type", &self.backend_type),
            ("sqlstate", &self.sqlstate),
            ("pid", &self.pid),
            ("session", &self.session),
            ("query_id", &self.query_id),
            ("component", &self.component),
        ]
    }

    fn negated(&self, not: &str) -> Result<(String, String), Failure> {
        let usage = || {
            let names: Vec<_> = self.repeatable().iter().map(|(name, _)| *name).collect();
            Failure::Usage(format!(
                "--not {not}: give FILTER=VALUE with one of {}",
                names.join(", ")
            ))
        };
        let (name, value) = not.split_once('=').ok_or_else(usage)?;
        let name = name.replace('-', "_");
        let known = self.repeatable().into_iter().any(|(filter, _)| filter == name);
        known.then(|| (format!("{name}!"), value.to_owned())).ok_or_else(usage)
    }
}
