//! Many messages, each with a fault of its own or none: every one is found, and nothing else,
//! however many facts are held at once.

use proptest::prelude::*;

use super::*;

/// What becomes of a message, and the classes that are due.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Whole,
    InFlight,
    Withdrawn,
    AcceptanceLost,
    HandoverLost,
    Forged,
    OtherBytes,
    OtherPlace,
    Refused,
    NeverSubmitted,
}

impl Fate {
    const ALL: [Fate; 10] = [
        Fate::Whole,
        Fate::InFlight,
        Fate::Withdrawn,
        Fate::AcceptanceLost,
        Fate::HandoverLost,
        Fate::Forged,
        Fate::OtherBytes,
        Fate::OtherPlace,
        Fate::Refused,
        Fate::NeverSubmitted,
    ];

    fn due(self) -> Option<Class> {
        match self {
            Fate::Whole | Fate::Refused => None,
            Fate::InFlight => Some(Class::InFlight),
            Fate::Withdrawn => Some(Class::NotRelayed),
            Fate::AcceptanceLost | Fate::HandoverLost => Some(Class::LostReceipt),
            Fate::Forged => Some(Class::StateDiffers),
            Fate::OtherBytes => Some(Class::DigestMismatch),
            Fate::OtherPlace => Some(Class::OtherPast),
            Fate::NeverSubmitted => Some(Class::MissingAtSender),
        }
    }

    fn happens(self, two: &mut Two, from: Which, number: u64) {
        let sent = match self {
            Fate::Whole => return two.whole(from, number),
            Fate::NeverSubmitted => 0,
            _ => two.submit(from, number),
        };
        match self {
            Fate::Whole | Fate::InFlight => {}
            Fate::Withdrawn => {
                let (_, other) = two.names(from);
                let draft = EntryDraft::new(MessageCancelled).message(message(number)).peer(other);
                two.push(from, draft);
            }
            Fate::AcceptanceLost | Fate::NeverSubmitted => {
                two.accept(from, number, sent);
            }
            Fate::Refused => {
                let at = two.issue(from, RelayRejection, number);
                two.record(from, RelayRejection, number, at);
            }
            Fate::OtherBytes => {
                let size = two.log(from).entries.len() as u64;
                let place = two.log(from).coordinates(sent, size);
                let draft = two.draft(from, RelayAcceptance, number).envelope([9; 32]);
                two.push(from.other(), draft.remote(place));
            }
            Fate::OtherPlace => {
                let at = two.accept(from, number, sent - 1);
                two.record(from, RelayAcceptance, number, at);
            }
            Fate::HandoverLost | Fate::Forged => {
                let at = two.accept(from, number, sent);
                two.record(from, RelayAcceptance, number, at);
                let at = two.issue(from, ContentConsignment, number);
                two.record(from, ContentConsignment, number, at);
                match self {
                    Fate::Forged => two.record(from, ContentHandover, number, at),
                    _ => two.issue(from, ContentHandover, number),
                };
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_fault_is_found_and_nothing_else(
        fates in proptest::collection::vec((0_usize..10, any::<bool>()), 0..25),
        facts_max in prop_oneof![Just(1_usize), 2_usize..20, Just(1000)],
    ) {
        let mut two = Two::new();
        let mut due = BTreeMap::new();
        for (number, (fate, from_a)) in (1..).zip(fates) {
            let (fate, from) = (Fate::ALL[fate], if from_a { Which::A } else { Which::B });
            fate.happens(&mut two, from, number);
            due.insert(message(number), fate.due());
        }
        // Both logs go on, so that nothing can be put down to an export that was taken early.
        two.idle(Which::A, 1000);
        two.idle(Which::B, 1000);
        let (summary, items) = two.reconcile(&Options { facts_max, ..Options::default() });
        let mut found: BTreeMap<MessageId, Option<Class>> = due.keys().map(|id| (*id, None)).collect();
        for item in items {
            let slot = found.get_mut(&item.message.expect("one of the messages")).expect("known");
            prop_assert_eq!(*slot, None, "one item a message: {:?}", item);
            *slot = Some(item.class);
        }
        let wrong = due.values().flatten().any(|class| class.is_wrong());
        prop_assert_eq!(summary.is_wrong(), wrong);
        prop_assert_eq!(found, due);
    }
}
