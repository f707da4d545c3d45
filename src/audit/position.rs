//! Where an entry stands: in which of the node's logs, and at which index of it.

/// Bits of a number that are the index: more entries than any log will have.
const INDEX_BITS: u32 = 48;

/// A place in the node's logs, which are numbered in their order from 0. As a number it sorts as the
/// entries were appended, over all logs; in the first log it is the index itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Which log.
    pub log: u32,
    /// Which entry of it; also a number of entries, where the position is that of a log's end.
    pub index: u64,
}

impl Position {
    /// The place in a log.
    pub fn new(log: u32, index: u64) -> Self {
        Self { log, index }
    }

    /// From the number that stands in rows.
    pub fn from_number(number: u64) -> Self {
        let log = u32::try_from(number >> INDEX_BITS).expect("16 bits are left");
        Self { log, index: number & ((1 << INDEX_BITS) - 1) }
    }

    /// As people count: how many entries lie before it, and in which log where there are several.
    pub fn as_count(self) -> String {
        match self {
            Self { log: 0, index } => format!("{index} entries"),
            Self { log, index } => format!("{index} entries of its log {}", u64::from(log) + 1),
        }
    }

    /// As people name it where there are several logs, which they count from 1: `2:17`.
    pub fn in_its_log(self) -> String {
        format!("{}:{}", u64::from(self.log) + 1, self.index)
    }

    /// The number: the log, then 48 bits of the index.
    pub fn number(self) -> u64 {
        debug_assert!(self.index < 1 << INDEX_BITS && self.log < 1 << 16);
        u64::from(self.log) << INDEX_BITS | self.index
    }
}

impl std::fmt::Display for Position {
    /// The index; behind the number of the log, from 1, in all but the first.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self { log: 0, index } => write!(f, "{index}"),
            position => f.write_str(&position.in_its_log()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_as_entries_were_appended_and_come_back() {
        let places = [(0, 0), (0, 7), (0, (1 << 48) - 1), (1, 0), (1, 8), (65_535, 1)];
        let places = places.map(|(log, index)| Position::new(log, index));
        assert!(places.is_sorted_by_key(|place| place.number()));
        for place in places {
            assert_eq!(Position::from_number(place.number()), place);
        }
        assert_eq!(Position::new(0, 42).number(), 42, "stores of one log have indexes");
        assert_eq!(Position::new(0, 42).to_string(), "42");
        assert_eq!(Position::new(1, 42).to_string(), "2:42");
    }
}
