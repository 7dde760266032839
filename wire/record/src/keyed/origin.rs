//! What a record says of its source: by Trunkline's own names, as Fluent Bit's and Fluentd's Kubernetes filters put it, or as Docker's log
//! driver does.

use trunkline_forward::msgpack::{Reader, Value};

use super::{json, owned, text};
use crate::Source;

/// Where both filters put what they know of a pod.
pub(super) const KUBERNETES: &[u8] = b"kubernetes";
/// Their names, and ours.
const OF_KUBERNETES: [(&[u8], &[u8]); 4] = [
    (b"namespace_name", b"namespace"),
    (b"pod_name", b"pod"),
    (b"container_name", b"container"),
    (b"host", b"node"),
];
const LABELS: &[u8] = b"labels";
/// Where Docker's log driver puts a container's name, behind a slash.
const OF_DOCKER: &[u8] = b"container_name";
/// Labels by which operators name a pod's cluster: CloudNativePG, StackGres, Crunchy and Percona, Zalando.
const CLUSTER: [&[u8]; 4] = [
    b"cnpg.io/cluster",
    b"stackgres.io/cluster-name",
    b"postgres-operator.crunchydata.com/cluster",
    b"cluster-name",
];
/// Labels by which they say its role.
const ROLE: [&[u8]; 4] =
    [b"cnpg.io/instanceRole", b"postgres-operator.crunchydata.com/role", b"spilo-role", b"role"];

type Members<'m, 'a> = &'m [(&'a [u8], &'a [u8])];

/// The source that these members name; what the record says itself comes before what a filter has found out.
pub(super) fn source(members: Members<'_, '_>) -> Source {
    let mut source = Source::default();
    if let Some(name) = find(members, OF_DOCKER).and_then(said) {
        source.container = Some(owned(name.strip_prefix(b"/").unwrap_or(name)));
    }
    let kubernetes = find(members, KUBERNETES).map(members_of).unwrap_or_default();
    for (theirs, ours) in OF_KUBERNETES {
        set(&mut source, ours, find(&kubernetes, theirs));
    }
    let labels = find(&kubernetes, LABELS).map(members_of).unwrap_or_default();
    for (ours, names) in [(b"cluster".as_slice(), CLUSTER), (b"role", ROLE)] {
        set(&mut source, ours, names.iter().find_map(|name| find(&labels, name)));
    }
    // Patroni called it so for long.
    if source.role.as_deref() == Some("master") {
        source.role = Some("primary".to_owned());
    }
    for (key, value) in members {
        set(&mut source, key, Some(value));
    }
    source
}

/// Whether this member is told by [`source`] completely.
pub(super) fn is_field(key: &[u8], value: &[u8]) -> bool {
    Source::default().field_mut(key).is_some() && said(value).is_some()
}

/// Writes the Kubernetes metadata without what [`source`] tells; `false` when nothing is left.
pub(super) fn write_rest(value: &[u8], out: &mut Vec<u8>) -> bool {
    let Ok(Value::Map(_)) = Reader::new(value).read() else {
        json::write(value, out);
        return true;
    };
    let members = members_of(value);
    let is_told = |(key, value): &&(&[u8], &[u8])| {
        OF_KUBERNETES.iter().any(|(theirs, _)| theirs == key) && said(value).is_some()
    };
    let mut any = false;
    for (key, value) in members.iter().filter(|member| !is_told(member)) {
        out.push(if any { b',' } else { b'{' });
        json::write_key(key, out);
        json::write(value, out);
        any = true;
    }
    if any {
        out.push(b'}');
    }
    any
}

fn set(source: &mut Source, name: &[u8], value: Option<&[u8]>) {
    if let Some(field) = source.field_mut(name)
        && let Some(text) = value.and_then(said)
    {
        *field = Some(owned(text));
    }
}

/// A text that says something.
fn said(value: &[u8]) -> Option<&[u8]> {
    text(value).filter(|text| !text.is_empty())
}

fn find<'a>(members: Members<'_, 'a>, name: &[u8]) -> Option<&'a [u8]> {
    members.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
}

/// The members of a map whose keys are texts; none for anything else.
fn members_of(map: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut reader = Reader::new(map);
    let Ok(Value::Map(pairs)) = reader.read() else { return Vec::new() };
    let pair = |_| {
        let key = reader.skip().ok()?;
        let key = Reader::new(key).read().ok()?.bytes().unwrap_or(key);
        Some((key, reader.skip().ok()?))
    };
    (0..pairs).map_while(pair).collect()
}
