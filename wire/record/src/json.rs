//! JSON as bytes: what programs write as JSON isn't always UTF-8, and what is UTF-8 isn't always what a `jsonb` column holds.
//!
//! Values are found, checked and lent out as ranges; only the strings that a record needs are decoded. A NUL (`\u0000`) becomes its
//! byte, half of a surrogate pair the three bytes that UTF-8 would have for it: both come out as bytes that no text column holds, and
//! so are escaped by the store.

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Number,
    /// `true`, `false`, `null`, and `NaN`, `Infinity`, `-Infinity`, which Python writes.
    Word,
    Object,
    Array,
}

/// Where a value stands, from its first to behind its last byte; strings with their quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value {
    pub from: usize,
    pub to: usize,
    pub shape: Shape,
    /// Whether all strings in it can stand in `jsonb` as they are written.
    pub plain: bool,
    /// For a string, whether it has escapes.
    pub folded: bool,
}

/// A key and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    pub key: Value,
    pub value: Value,
}

/// Why a line isn't one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It isn't JSON, or not all of it, or isn't an object.
    Syntax,
    /// It is deeper or has more members than a reader is willing to follow.
    Size,
}

/// Objects and arrays within one another.
const DEEPEST: usize = 64;
/// Members of one object; records of logs have a few dozen.
const MOST_MEMBERS: usize = 256;

/// Finds the members of the object that is all of `text`, but for blanks around it.
pub(crate) fn object(text: &[u8], members: &mut Vec<Member>) -> Result<(), Broken> {
    members.clear();
    let mut scan = Scan { text, at: 0, utf8: std::str::from_utf8(text).is_ok() };
    scan.blanks();
    scan.object(0, Some(members))?;
    scan.blanks();
    if scan.at == text.len() { Ok(()) } else { Err(Broken::Syntax) }
}

/// The value at `at`, in a text that is possibly not UTF-8.
pub(crate) fn value(text: &[u8], at: usize) -> Result<Value, Broken> {
    Scan { text, at, utf8: false }.value(0)
}

struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    /// Whether all of the text is known to be UTF-8.
    utf8: bool,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Broken> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(Broken::Syntax)
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Broken> {
        let from = self.at;
        let (shape, plain) = match self.peek().ok_or(Broken::Syntax)? {
            b'"' => return self.string(),
            b'{' => (Shape::Object, self.object(depth, None)?),
            b'[' => (Shape::Array, self.array(depth)?),
            _ => (self.bare()?, true),
        };
        Ok(Value { from, to: self.at, shape, plain, folded: false })
    }

    /// Whether all strings of the object that begins here are plain.
    fn object(
        &mut self,
        depth: usize,
        mut members: Option<&mut Vec<Member>>,
    ) -> Result<bool, Broken> {
        if depth >= DEEPEST {
            return Err(Broken::Size);
        }
        self.expect(b'{')?;
        self.blanks();
        let mut plain = true;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(plain);
        }
        loop {
            self.blanks();
            let key = self.string()?;
            self.blanks();
            self.expect(b':')?;
            self.blanks();
            let value = self.value(depth + 1)?;
            plain &= key.plain && value.plain;
            if let Some(members) = &mut members {
                if members.len() == MOST_MEMBERS {
                    return Err(Broken::Size);
                }
                members.push(Member { key, value });
            }
            self.blanks();
            if self.peek() == Some(b'}') {
                self.at += 1;
                return Ok(plain);
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<bool, Broken> {
        if depth >= DEEPEST {
            return Err(Broken::Size);
        }
        self.expect(b'[')?;
        self.blanks();
        let mut plain = true;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(plain);
        }
        loop {
            self.blanks();
            plain &= self.value(depth + 1)?.plain;
            self.blanks();
            if self.peek() == Some(b']') {
                self.at += 1;
                return Ok(plain);
            }
            self.expect(b',')?;
        }
    }

    /// A number or a word.
    fn bare(&mut self) -> Result<Shape, Broken> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let len = rest.iter().take_while(|byte| is_bare(**byte)).count();
        self.at += len;
        match rest.get(..len).unwrap_or_default() {
            b"true" | b"false" | b"null" | b"NaN" | b"Infinity" | b"-Infinity" => Ok(Shape::Word),
            digits if is_number(digits) => Ok(Shape::Number),
            _ => Err(Broken::Syntax),
        }
    }

    fn string(&mut self) -> Result<Value, Broken> {
        let from = self.at;
        self.expect(b'"')?;
        let (mut folded, mut plain) = (false, true);
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let stop = memchr::memchr2(b'"', b'\\', rest).ok_or(Broken::Syntax)?;
            plain &= rest.get(..stop).is_some_and(|run| run.iter().all(|byte| *byte >= b' '));
            self.at += stop + 1;
            if rest.get(stop) == Some(&b'"') {
                break;
            }
            folded = true;
            let escape = Escape::read(self.text.get(self.at..).unwrap_or_default());
            let (escape, len) = escape.ok_or(Broken::Syntax)?;
            plain &= !matches!(escape, Escape::Byte(0) | Escape::Half(_));
            self.at += len;
        }
        let to = self.at;
        plain = plain
            && (self.utf8
                || self.text.get(from..to).is_some_and(|text| std::str::from_utf8(text).is_ok()));
        Ok(Value { from, to, shape: Shape::Text, plain, folded })
    }
}

impl Value {
    /// What stands between a string's quotes.
    pub(crate) fn inner(&self) -> (usize, usize) {
        (self.from + 1, self.to - 1)
    }
}

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

/// Whether this is a number by JSON's grammar.
pub(crate) fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || whole > 1 && text.first() == Some(&b'0') {
        return false;
    }
    let mut rest = text.get(whole..).unwrap_or_default();
    if let [b'.', part @ ..] = rest {
        let len = digits(part);
        rest = part.get(len..).unwrap_or_default();
        if len == 0 {
            return false;
        }
    }
    if let [b'e' | b'E', power @ ..] = rest {
        let power = power.strip_prefix(b"-").or(power.strip_prefix(b"+")).unwrap_or(power);
        return !power.is_empty() && digits(power) == power.len();
    }
    rest.is_empty()
}

/// What a backslash and what follows stand for.
enum Escape {
    Byte(u8),
    Character(char),
    /// Half of a surrogate pair without the other.
    Half(u16),
}

impl Escape {
    /// Reads what is behind a backslash, and how long it is.
    fn read(text: &[u8]) -> Option<(Self, usize)> {
        let byte = match *text.first()? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 0x08,
            b'f' => 0x0c,
            plain @ (b'"' | b'\\' | b'/') => plain,
            b'u' => return Self::unit(text),
            _ => return None,
        };
        Some((Self::Byte(byte), 1))
    }

    fn unit(text: &[u8]) -> Option<(Self, usize)> {
        let first = unit(text)?;
        if first == 0 {
            return Some((Self::Byte(0), 5));
        }
        let second = match text.get(5..) {
            Some([b'\\', behind @ ..]) if (0xd800..0xdc00).contains(&first) => unit(behind),
            _ => None,
        };
        let units = [first, second.unwrap_or_default()];
        match char::decode_utf16(units).next()? {
            // A pair is twice as long, and a backslash.
            Ok(character) if character > '\u{ffff}' => Some((Self::Character(character), 11)),
            Ok(character) => Some((Self::Character(character), 5)),
            Err(_) => Some((Self::Half(first), 5)),
        }
    }
}

/// `uHHHH`
fn unit(text: &[u8]) -> Option<u16> {
    let (b'u', digits) = text.split_first()? else { return None };
    let digits = digits.get(..4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Appends the bytes that stand for a string between its quotes, which was found to be one.
pub(crate) fn decode(mut inner: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr(b'\\', inner) {
        out.extend_from_slice(inner.get(..at).unwrap_or_default());
        let rest = inner.get(at + 1..).unwrap_or_default();
        let Some((escape, len)) = Escape::read(rest) else { return };
        match escape {
            Escape::Byte(byte) => out.push(byte),
            Escape::Character(character) => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Escape::Half(unit) => {
                for (shift, mark, mask) in [(12, 0xe0, 0x0f), (6, 0x80, 0x3f), (0, 0x80, 0x3f)] {
                    // Six bits at most.
                    #[allow(clippy::cast_possible_truncation)]
                    out.push(mark | (unit >> shift & mask) as u8);
                }
            }
        }
        inner = rest.get(len..).unwrap_or_default();
    }
    out.extend_from_slice(inner);
}

/// A piece of JSON that was found to be such.
pub(crate) enum Token<'t> {
    /// A string, without its quotes.
    Text(&'t [u8]),
    /// A number or a word.
    Bare(&'t [u8]),
    /// A bracket, a comma, a colon.
    Mark(u8),
}

/// The tokens of JSON, without the blanks between them.
pub(crate) fn tokens(raw: &[u8]) -> impl Iterator<Item = Token<'_>> {
    let mut scan = Scan { text: raw, at: 0, utf8: true };
    std::iter::from_fn(move || {
        scan.blanks();
        let from = scan.at;
        let byte = scan.peek()?;
        if byte == b'"' {
            let (from, to) = scan.string().ok()?.inner();
            return Some(Token::Text(raw.get(from..to)?));
        }
        if is_bare(byte) {
            scan.bare().ok()?;
            return Some(Token::Bare(raw.get(from..scan.at)?));
        }
        scan.at += 1;
        Some(Token::Mark(byte))
    })
}
