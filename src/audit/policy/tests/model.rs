//! Quorums at random, against a judgement by recursion.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A tree of groups over six witnesses, and its judgement by recursion.
#[derive(Clone, Debug)]
enum Model {
    Witness(u8),
    Group(usize, Vec<Model>),
}

impl Model {
    fn satisfied(&self, by: &[u8]) -> bool {
        match self {
            Self::Witness(number) => by.contains(number),
            Self::Group(needed, members) => {
                members.iter().filter(|member| member.satisfied(by)).count() >= *needed
            }
        }
    }

    /// The lines that define it, and its name.
    fn write(&self, lines: &mut String, count: &mut usize) -> String {
        match self {
            Self::Witness(number) => format!("w{number}"),
            Self::Group(needed, members) => {
                let names: Vec<String> = members.iter().map(|m| m.write(lines, count)).collect();
                *count += 1;
                *lines += &format!("group g{count} {needed} {}\n", names.join(" "));
                format!("g{count}")
            }
        }
    }
}

/// Splits the witnesses from `first` to `last` as the numbers say, so that none is in two groups.
fn model(first: u8, last: u8, splits: &[u8], needed: &[u8]) -> Model {
    if first == last {
        return Model::Witness(first);
    }
    let at = first + splits[usize::from(first)] % (last - first);
    let members = vec![model(first, at, splits, needed), model(at + 1, last, splits, needed)];
    Model::Group(1 + usize::from(needed[usize::from(at)]) % members.len(), members)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_quorum_is_judged_as_recursion_would(
        splits in vec(any::<u8>(), 7),
        needed in vec(any::<u8>(), 7),
        by in vec(1u8..7, 0..6),
    ) {
        let model = model(1, 6, &splits, &needed);
        let mut text: String = (1..=6).map(|n| format!("witness w{n} {}\n", vkey(n))).collect();
        let quorum = model.write(&mut text, &mut 0);
        let policy = parse(&format!("{text}quorum {quorum}\n")).expect("sound");
        let mut by = by;
        by.sort_unstable();
        by.dedup();
        prop_assert_eq!(policy.satisfied(&cosigners(&by)), model.satisfied(&by));
        let missing = (1..=6).filter(|n| !by.contains(n)).map(|n| format!("w{n}"));
        prop_assert_eq!(policy.missing(&cosigners(&by)), missing.collect::<Vec<_>>());
    }

    #[test]
    fn no_octets_are_a_fault(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Policy::parse(&bytes);
        let line = [with_three("group ").as_bytes(), &bytes, b"\nquorum a\n"].concat();
        let _ = Policy::parse(&line);
    }
}
