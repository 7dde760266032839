//! What the messages of other senders hold, by their tags: which table, what format, whose records.
//!
//! The first route whose template matches the tag counts; without one, each record is taken for what it looks like. A template is like a
//! tag, in parts between dots: `<namespace>` and the like is one part, which names that field of the source, `*` one part, `**` any number
//! of parts, anything else itself.

use serde::Deserialize;
use trunkline_forward::Options;
use trunkline_forward::msgpack::{Reader, Value};
use trunkline_record::{Format, LogSettings, Source, Table, escape};

use crate::config::Error;

/// `[[forward.routes]]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteConfig {
    /// The template of its tags.
    pub tag: String,
    /// The table of records that aren't lines of a log: `postgres`, `patroni` or `component`.
    pub table: Option<String>,
    /// The format of the lines that records hold; `auto` takes each for what it looks like, `none` says that there are none.
    pub format: Option<String>,
    /// The key of such a line within its record.
    pub key: Option<String>,
    /// The server's `log_timezone`.
    pub log_timezone: Option<String>,
    /// The server's `log_line_prefix`, for lines of its stderr log.
    pub log_line_prefix: Option<String>,
    /// Kubernetes namespace, where neither record nor tag name one; and so on.
    pub namespace: Option<String>,
    /// The PostgreSQL cluster.
    pub cluster: Option<String>,
    /// The pod, or the host.
    pub pod: Option<String>,
    /// The container.
    pub container: Option<String>,
    /// The machine.
    pub node: Option<String>,
    /// The role.
    pub role: Option<String>,
}

/// The option in which a message brings its own route: a map of the keys above. Our output plugin for Fluent Bit does, by its properties.
const OPTION: &str = "trunkline_route";

impl RouteConfig {
    /// The route that a message brings, and the source that it and the tag name; `None` when it brings none that can be used. What it says
    /// of the source is checked like anything that a sender says.
    pub(super) fn of_message(options: &Options, tag: &str) -> Option<(TagRoute, Source)> {
        let map = options.get(OPTION).ok()??;
        let built = Self::read(map).map(|config| TagRoute::build(&config));
        let route = match built {
            Some(Ok(route)) => route,
            Some(Err((key, reason))) => {
                tracing::warn!(tag, key, reason, "the route of a message can't be used");
                return None;
            }
            None => return None,
        };
        let parts: Vec<&str> = tag.split('.').collect();
        let mut source = route.source.clone();
        if !matches(&route.template, &parts, &mut source) {
            source = route.source.clone();
        }
        Some((route, source))
    }

    fn read(map: &[u8]) -> Option<Self> {
        let mut config = Self { tag: "**".to_owned(), ..Self::default() };
        let mut reader = Reader::new(map);
        let Value::Map(pairs) = reader.read().ok()? else { return None };
        for _ in 0..pairs {
            let key = reader.read().ok()?.bytes()?;
            let value = escape::to_text(reader.read().ok()?.bytes()?).into_owned();
            let place = match key {
                b"tag" => {
                    config.tag = value;
                    continue;
                }
                b"table" => &mut config.table,
                b"format" => &mut config.format,
                b"key" => &mut config.key,
                b"log_timezone" => &mut config.log_timezone,
                b"log_line_prefix" => &mut config.log_line_prefix,
                b"namespace" => &mut config.namespace,
                b"cluster" => &mut config.cluster,
                b"pod" => &mut config.pod,
                b"container" => &mut config.container,
                b"node" => &mut config.node,
                b"role" => &mut config.role,
                _ => continue,
            };
            *place = Some(value);
        }
        Some(config)
    }
}

/// All routes, in their order.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    routes: Vec<TagRoute>,
    default: TagRoute,
}

/// One of them.
#[derive(Debug, Clone, Default)]
pub struct TagRoute {
    template: Vec<Part>,
    /// The table of records that aren't lines, where it is known.
    pub table: Option<Table>,
    /// What lines there are.
    pub lines: Lines,
    /// The key of a line.
    pub key: Option<String>,
    /// How lines, and times without a zone, are to be read.
    pub settings: LogSettings,
    source: Source,
}

/// The lines that records hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lines {
    /// Each is what it looks like.
    #[default]
    Auto,
    /// None.
    None,
    /// All are in this format.
    Of(Format),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// The place of the field among the source's.
    Field(usize),
    Any,
    Rest,
}

impl Routes {
    /// Checks them all.
    ///
    /// # Errors
    /// Names the route and what is wrong.
    pub fn build(configs: &[RouteConfig]) -> Result<Self, Error> {
        let build = |(index, config): (usize, &RouteConfig)| {
            TagRoute::build(config).map_err(|(key, reason)| Error::Invalid {
                setting: "forward.routes",
                reason: format!("[{index}] {:?}: {key}: {reason}", config.tag),
            })
        };
        let routes = configs.iter().enumerate().map(build).collect::<Result<_, _>>()?;
        Ok(Self { routes, default: TagRoute::default() })
    }

    /// The route of a tag, and the source that both name.
    pub fn find(&self, tag: &str) -> (&TagRoute, Source) {
        let parts: Vec<&str> = tag.split('.').collect();
        let found = self.routes.iter().find_map(|route| {
            let mut source = route.source.clone();
            matches(&route.template, &parts, &mut source).then_some((route, source))
        });
        found.unwrap_or_else(|| (&self.default, Source::default()))
    }
}

/// Whether the parts are the template's, and what they name; the template has `**` once at most.
fn matches(template: &[Part], parts: &[&str], source: &mut Source) -> bool {
    let Some((first, behind)) = template.split_first() else { return parts.is_empty() };
    if *first == Part::Rest {
        return parts
            .len()
            .checked_sub(behind.len())
            .is_some_and(|skipped| matches(behind, &parts[skipped..], source));
    }
    let Some((part, parts)) = parts.split_first() else { return false };
    match first {
        Part::Literal(text) if text != part => return false,
        Part::Field(field) if !part.is_empty() => {
            *fields(source)[*field].1 = Some((*part).to_owned());
        }
        Part::Field(_) => return false,
        Part::Literal(_) | Part::Any | Part::Rest => {}
    }
    matches(behind, parts, source)
}

fn fields(source: &mut Source) -> [(&'static str, &mut Option<String>); 6] {
    [
        ("namespace", &mut source.namespace),
        ("cluster", &mut source.cluster),
        ("pod", &mut source.pod),
        ("container", &mut source.container),
        ("node", &mut source.node),
        ("role", &mut source.role),
    ]
}

/// What `over` names, and for the rest what `under` does.
pub(super) fn overlay(mut over: Source, under: &Source) -> Source {
    for ((_, field), (_, below)) in fields(&mut over).into_iter().zip(under.fields()) {
        if field.is_none() {
            field.clone_from(below);
        }
    }
    over
}

impl TagRoute {
    fn build(config: &RouteConfig) -> Result<Self, (&'static str, String)> {
        let table = config.table.as_deref().map(|name| {
            let table = Table::ALL.into_iter().find(|table| table.name() == name);
            table.ok_or_else(|| {
                ("table", format!("unknown {name:?}: expected postgres, patroni or component"))
            })
        });
        let lines = match config.format.as_deref() {
            None | Some("auto") => Lines::Auto,
            Some("none") => Lines::None,
            Some(name) => Lines::Of(
                name.parse().map_err(|error| ("format", format!("{error}, auto or none")))?,
            ),
        };
        let mut settings = LogSettings::default();
        if let Some(zone) = &config.log_timezone {
            settings.log_timezone =
                zone.parse().map_err(|error| ("log_timezone", format!("{error}")))?;
        }
        if let Some(prefix) = &config.log_line_prefix {
            let prefix = prefix.parse().map_err(|error| ("log_line_prefix", format!("{error}")))?;
            settings.log_line_prefix = Some(prefix);
        }
        let source = Source {
            namespace: config.namespace.clone(),
            cluster: config.cluster.clone(),
            pod: config.pod.clone(),
            container: config.container.clone(),
            node: config.node.clone(),
            role: config.role.clone(),
        };
        Ok(Self {
            template: template(&config.tag).map_err(|reason| ("tag", reason))?,
            table: table.transpose()?,
            lines,
            key: config.key.clone(),
            settings,
            source,
        })
    }
}

fn template(text: &str) -> Result<Vec<Part>, String> {
    if text.is_empty() {
        return Err("is missing".to_owned());
    }
    let mut source = Source::default();
    let names = fields(&mut source).map(|(name, _)| name);
    let part = |part: &str| {
        let named = part.strip_prefix('<').and_then(|part| part.strip_suffix('>'));
        Ok(match (part, named) {
            ("**", _) => Part::Rest,
            ("*", _) => Part::Any,
            (_, Some(name)) => {
                let field = names.iter().position(|known| *known == name);
                Part::Field(field.ok_or_else(|| {
                    format!("unknown field <{name}>: expected one of {}", names.join(", "))
                })?)
            }
            (part, None) if part.contains(['*', '<', '>']) => {
                return Err(format!("{part:?} is neither a whole field nor a whole *"));
            }
            (part, None) => Part::Literal(part.to_owned()),
        })
    };
    let parts = text.split('.').map(part).collect::<Result<Vec<_>, String>>()?;
    let twice = |part: &Part| {
        !matches!(part, Part::Any | Part::Literal(_))
            && parts.iter().filter(|other| *other == part).count() > 1
    };
    if parts.iter().any(twice) {
        return Err("a field, or **, stands in it twice".to_owned());
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(tag: &str) -> RouteConfig {
        RouteConfig { tag: tag.to_owned(), ..RouteConfig::default() }
    }

    /// The namespace, cluster and pod that a tag names by a template.
    #[track_caller]
    fn check(template: &str, tag: &str, expected: Option<[&str; 3]>) {
        let marked = RouteConfig { table: Some("patroni".to_owned()), ..route(template) };
        let routes = Routes::build(&[marked]).unwrap();
        let (route, source) = routes.find(tag);
        let found = route
            .table
            .map(|_| [source.namespace, source.cluster, source.pod].map(Option::unwrap_or_default));
        assert_eq!(found, expected.map(|names| names.map(str::to_owned)), "{template} {tag}");
    }

    #[test]
    fn a_tag_names_its_source() {
        let template = "postgres.<namespace>.<cluster>.<pod>";
        check(template, "postgres.shop.orders.orders-0", Some(["shop", "orders", "orders-0"]));
        check(template, "postgres.shop.orders", None);
        check(template, "postgres.shop..orders-0", None);
        check(template, "patroni.shop.orders.orders-0", None);
        check("kube.*.<pod>.**", "kube.x.p", Some(["", "", "p"]));
        check("kube.*.<pod>.**", "kube.x.p.and.more", Some(["", "", "p"]));
        check("**.<namespace>", "a.b.c", Some(["c", "", ""]));
        check("**", "", Some(["", "", ""]));
    }

    #[test]
    fn the_first_route_counts_and_the_tag_comes_before_what_is_fixed() {
        let first = RouteConfig { namespace: Some("fixed".into()), ..route("a.<namespace>") };
        let second = RouteConfig { namespace: Some("other".into()), ..route("**") };
        let routes = Routes::build(&[first, second]).unwrap();
        assert_eq!(routes.find("a.b").1.namespace.as_deref(), Some("b"));
        assert_eq!(routes.find("b").1.namespace.as_deref(), Some("other"));
    }

    #[test]
    fn a_message_may_bring_its_own_route() {
        let option = |pairs: &[(&str, &str)]| {
            use trunkline_forward::msgpack::{write_array, write_map, write_str};
            let mut wire = Vec::new();
            write_array(&mut wire, 3);
            write_str(&mut wire, b"pg.orders-0");
            write_str(&mut wire, b"");
            write_map(&mut wire, 1);
            write_str(&mut wire, OPTION.as_bytes());
            write_map(&mut wire, u32::try_from(pairs.len()).unwrap());
            for text in pairs.iter().flat_map(|(key, value)| [key, value]) {
                write_str(&mut wire, text.as_bytes());
            }
            let message = trunkline_forward::Message::decode(&wire.into()).unwrap();
            RouteConfig::of_message(&message.options, "pg.orders-0")
        };
        let (route, source) =
            option(&[("format", "csvlog"), ("cluster", "c"), ("tag", "pg.<pod>"), ("new", "x")])
                .unwrap();
        assert_eq!(route.lines, Lines::Of(Format::Csvlog));
        assert_eq!(
            (source.cluster.as_deref(), source.pod.as_deref()),
            (Some("c"), Some("orders-0"))
        );
        let (_, source) = option(&[("pod", "p"), ("tag", "other.<namespace>")]).unwrap();
        assert_eq!((source.namespace, source.pod.as_deref()), (None, Some("p")));
        assert!(option(&[("format", "cvslog")]).is_none());
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let refused = |config: RouteConfig| Routes::build(&[config]).unwrap_err().to_string();
        assert!(refused(route("")).contains("tag: is missing"));
        assert!(refused(route("a.<nmespace>")).contains("nmespace"));
        assert!(refused(route("a.b*")).contains("b*"));
        assert!(refused(route("**.a.**")).contains("twice"));
        let table = RouteConfig { table: Some("postgers".into()), ..route("a") };
        assert!(refused(table).contains("postgers"));
        let format = RouteConfig { format: Some("cvslog".into()), ..route("a") };
        assert!(refused(format).contains("cvslog"));
        let zone = RouteConfig { log_timezone: Some("Mars/Base".into()), ..route("a") };
        assert!(refused(zone).contains("Mars/Base"));
    }
}
