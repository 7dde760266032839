//! What was given in a request: names and values, of which each part of the request takes its own, and nothing may be left over.

use crate::FilterError;
use crate::nearest::nearest;

/// The parameters of a request.
#[derive(Debug, Clone)]
pub struct Parameters<'a> {
    given: Vec<Given<'a>>,
    /// Names that were asked for.
    known: Vec<&'static str>,
}

#[derive(Debug, Clone, Copy)]
struct Given<'a> {
    name: &'a str,
    value: &'a str,
    taken: bool,
}

/// Parameters of one request, at most: many values of a field make a short list, and nobody writes more.
const MOST: usize = 1_000;

impl<'a> Parameters<'a> {
    /// A value with a NUL is refused at once: no `text` can hold it, so it would be an error of the database's.
    pub fn new(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, FilterError> {
        let mut given = Vec::new();
        for (name, value) in pairs {
            if given.len() == MOST {
                return Err(FilterError::new(name, format!("is one more than {MOST} parameters")));
            }
            if value.contains('\0') {
                return Err(FilterError::new(name, "holds a NUL, and no row does"));
            }
            given.push(Given { name, value, taken: false });
        }
        Ok(Self { given, known: Vec::new() })
    }

    /// All values of this name.
    pub fn many(&mut self, name: &'static str) -> Vec<&'a str> {
        self.known.push(name);
        let named = self.given.iter_mut().filter(|given| given.name == name);
        named
            .map(|given| {
                given.taken = true;
                given.value
            })
            .collect()
    }

    /// The value of this name, which may be given once.
    pub fn one(&mut self, name: &'static str) -> Result<Option<&'a str>, FilterError> {
        match self.many(name).as_slice() {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            _ => Err(FilterError::new(name, "is given more than once")),
        }
    }

    /// The value of this name, read by `read`, which says what is wrong with it.
    pub fn read<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, FilterError> {
        let value = self.one(name)?;
        value.map(read).transpose().map_err(|reason| FilterError::new(name, reason))
    }

    /// Whether a switch is on: `1` or `true`, where it is given.
    pub fn switch(&mut self, name: &'static str) -> Result<bool, FilterError> {
        let value = self.read(name, |value| match value {
            "1" | "true" => Ok(true),
            "0" | "false" => Ok(false),
            _ => Err("is neither true nor false".to_owned()),
        })?;
        Ok(value.unwrap_or_default())
    }

    /// Nothing may be left over: a slip of the pen would give other rows than were meant.
    pub fn finish(self) -> Result<(), FilterError> {
        let Some(given) = self.given.iter().find(|given| !given.taken) else { return Ok(()) };
        let plain = self.known.iter().filter(|name| !name.ends_with('!'));
        let names: Vec<_> = plain.copied().collect();
        Err(FilterError {
            suggestion: nearest(given.name, self.known.iter().copied()),
            ..FilterError::new(given.name, format!("is unknown; there are {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_taken_once_and_what_is_left_over_is_named() {
        let pairs = [("a", "1"), ("b", "2"), ("a", "3"), ("limti", "4")];
        let mut parameters = Parameters::new(pairs).unwrap();
        assert_eq!(parameters.many("a"), ["1", "3"]);
        assert_eq!(parameters.one("b"), Ok(Some("2")));
        assert_eq!(parameters.one("limit"), Ok(None));
        let error = parameters.clone().one("a").unwrap_err();
        assert_eq!(error.parameter, "a");
        let error = parameters.finish().unwrap_err();
        assert_eq!(
            error.to_string(),
            "parameter \"limti\" is unknown; there are a, b, limit; did you mean \"limit\"?"
        );
    }

    #[test]
    fn there_is_an_end_to_them() {
        assert!(Parameters::new([("a", "1"); MOST]).is_ok());
        assert_eq!(Parameters::new([("a", "1"); MOST + 1]).unwrap_err().parameter, "a");
    }

    #[test]
    fn a_nul_is_in_no_row() {
        assert_eq!(Parameters::new([("text", "a\0b")]).unwrap_err().parameter, "text");
    }
}
