//! DER (ITU-T X.690): the little of it that certificates and signatures of other tools need.
//!
//! Promises: reading takes definite lengths in their shortest form and nothing else, never past
//! the end, and never deeper than its caller asks.

/// BOOLEAN.
pub const BOOLEAN: u8 = 0x01;
/// INTEGER.
pub const INTEGER: u8 = 0x02;
/// BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// NULL.
pub const NULL: u8 = 0x05;
/// OBJECT IDENTIFIER.
pub const OID: u8 = 0x06;
/// UTF8String.
pub const UTF8_STRING: u8 = 0x0c;
/// UTCTime.
pub const UTC_TIME: u8 = 0x17;
/// GeneralizedTime.
pub const GENERALIZED_TIME: u8 = 0x18;
/// SEQUENCE and SEQUENCE OF.
pub const SEQUENCE: u8 = 0x30;
/// SET and SET OF.
pub const SET: u8 = 0x31;

/// A constructed context tag, as `[0]`.
pub const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// Bytes that are not the DER that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not of the DER form")]
pub struct Malformed;

/// One value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// Its tag.
    pub tag: u8,
    /// What it holds.
    pub content: &'a [u8],
    /// All of it, with tag and length.
    pub whole: &'a [u8],
}

/// Reads values one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// From the beginning of some bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next value, whatever it is.
    ///
    /// # Errors
    /// [`Malformed`], also at the end.
    pub fn any(&mut self) -> Result<Value<'a>, Malformed> {
        let (&tag, rest) = self.0.split_first().ok_or(Malformed)?;
        if tag & 0x1f == 0x1f {
            return Err(Malformed);
        }
        let (length, head) = length(rest)?;
        let end = length.checked_add(head + 1).ok_or(Malformed)?;
        let whole = self.0.get(..end).ok_or(Malformed)?;
        self.0 = &self.0[end..];
        Ok(Value { tag, content: &whole[head + 1..], whole })
    }

    /// The next value, which must have this tag.
    ///
    /// # Errors
    /// [`Malformed`] where it has another.
    pub fn value(&mut self, tag: u8) -> Result<Value<'a>, Malformed> {
        self.any().and_then(|value| if value.tag == tag { Ok(value) } else { Err(Malformed) })
    }

    /// The next value if it has this tag.
    ///
    /// # Errors
    /// [`Malformed`] where it has, and is none.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Value<'a>>, Malformed> {
        match self.0.first() {
            Some(next) if *next == tag => self.any().map(Some),
            _ => Ok(None),
        }
    }

    /// What the next value holds, which must have this tag.
    ///
    /// # Errors
    /// [`Malformed`] where it has another.
    pub fn within(&mut self, tag: u8) -> Result<Self, Malformed> {
        Ok(Self(self.value(tag)?.content))
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// [`Malformed`] where something is.
    pub fn end(&self) -> Result<(), Malformed> {
        if self.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// A length, and how many bytes it took.
fn length(bytes: &[u8]) -> Result<(usize, usize), Malformed> {
    let (&first, rest) = bytes.split_first().ok_or(Malformed)?;
    if first < 0x80 {
        return Ok((usize::from(first), 1));
    }
    let count = usize::from(first & 0x7f);
    let digits = rest.get(..count).ok_or(Malformed)?;
    if !(1..=4).contains(&count) || digits[0] == 0 {
        return Err(Malformed);
    }
    let length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
    if length < 0x80 { Err(Malformed) } else { Ok((length, count + 1)) }
}

/// A value of this tag with what the parts hold, one after the other.
pub fn tagged(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let count: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    if count < 0x80 {
        out.push(count as u8);
    } else {
        let digits = count.to_be_bytes();
        let digits = &digits[digits.iter().take_while(|digit| **digit == 0).count()..];
        out.push(0x80 | digits.len() as u8);
        out.extend_from_slice(digits);
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// A SEQUENCE of values.
pub fn sequence(values: &[&[u8]]) -> Vec<u8> {
    tagged(SEQUENCE, values)
}

/// A SET OF values, in the order that DER gives them.
pub fn set_of(mut values: Vec<Vec<u8>>) -> Vec<u8> {
    values.sort();
    tagged(SET, &values.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// An INTEGER that is not negative, from its big-endian bytes.
pub fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = &bytes[zeros.min(bytes.len().saturating_sub(1))..];
    let sign: &[u8] = if bytes.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    tagged(INTEGER, &[sign, bytes])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        for (count, head) in [
            (0, vec![4, 0]),
            (127, vec![4, 127]),
            (128, vec![4, 0x81, 128]),
            (256, vec![4, 0x82, 1, 0]),
            (70_000, vec![4, 0x83, 1, 0x11, 0x70]),
        ] {
            let written = tagged(OCTET_STRING, &[&vec![7; count]]);
            assert_eq!(written[..head.len()], head, "{count}");
            let mut reader = Reader::new(&written);
            assert_eq!(reader.value(OCTET_STRING).expect("read").content.len(), count);
            assert_eq!(reader.end(), Ok(()));
        }
    }

    #[test]
    fn what_is_not_der_is_refused() {
        for (why, bytes) in [
            ("nothing", &[][..]),
            ("no length", &[4]),
            ("cut off", &[4, 2, 1]),
            ("indefinite", &[0x30, 0x80, 0, 0]),
            ("a long form that need not be", &[4, 0x81, 1, 7]),
            ("a leading zero", &[4, 0x82, 0, 0x80]),
            ("five bytes of length", &[4, 0x85, 1, 0, 0, 0, 0]),
            ("past the end", &[4, 0x84, 0xff, 0xff, 0xff, 0xff]),
            ("a tag of several bytes", &[0x1f, 0x20, 0]),
        ] {
            assert_eq!(Reader::new(bytes).any(), Err(Malformed), "{why}");
        }
    }

    #[test]
    fn integers_are_not_negative_and_sets_are_ordered() {
        for (bytes, written) in [
            (&[0][..], &[2, 1, 0][..]),
            (&[], &[2, 1, 0]),
            (&[0x7f], &[2, 1, 0x7f]),
            (&[0x80], &[2, 2, 0, 0x80]),
            (&[0, 0, 1], &[2, 1, 1]),
        ] {
            assert_eq!(unsigned(bytes), written, "{bytes:?}");
        }
        assert_eq!(set_of(vec![vec![4, 1, 2], vec![4, 1, 1]]), [0x31, 6, 4, 1, 1, 4, 1, 2]);
    }
}
