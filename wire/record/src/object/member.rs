//! An object's members by name.

use std::borrow::Cow;

use crate::json::{self, Member, Shape, Value};

/// The members of one object, in its order.
#[derive(Clone, Copy)]
pub(super) struct Members<'m> {
    line: &'m [u8],
    members: &'m [Member],
}

impl<'m> Members<'m> {
    pub(super) fn new(line: &'m [u8], members: &'m [Member]) -> Self {
        Self { line, members }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// The key of the member at `at`, decoded.
    pub(super) fn key(&self, at: usize) -> Cow<'m, [u8]> {
        let Some(key) = self.members.get(at).map(|member| &member.key) else {
            return Cow::default();
        };
        self.decoded(key)
    }

    /// The value of the member at `at`, which is less than [`len`](Self::len).
    pub(super) fn value(&self, at: usize) -> &'m Value {
        &self.members[at].value
    }

    /// The value as it is written, a string without its quotes and decoded.
    pub(super) fn decoded(&self, value: &Value) -> Cow<'m, [u8]> {
        if value.shape != Shape::Text {
            return self.line.get(value.from..value.to).unwrap_or_default().into();
        }
        let (from, to) = value.inner();
        let inner = self.line.get(from..to).unwrap_or_default();
        if !value.folded {
            return inner.into();
        }
        let mut text = Vec::with_capacity(inner.len());
        json::decode(inner, &mut text);
        text.into()
    }

    /// Where the first member of this name is.
    pub(super) fn find(&self, name: &[u8]) -> Option<usize> {
        (0..self.len()).find(|at| *self.key(*at) == *name)
    }

    /// Where the first member is that has one of these names and such a value; earlier names come first.
    pub(super) fn first(&self, names: &[&[u8]], fits: impl Fn(&Value) -> bool) -> Option<usize> {
        names.iter().find_map(|name| {
            (0..self.len()).find(|at| fits(self.value(*at)) && *self.key(*at) == **name)
        })
    }

    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.find(name).is_some()
    }

    /// Whether there is a member with such a key.
    pub(super) fn any(&self, is: impl Fn(&[u8]) -> bool) -> bool {
        (0..self.len()).any(|at| is(&self.key(at)))
    }
}
