//! Where a message is on its way, and how what is learnt changes it.

/// The state of a message's delivery. The numbers are those of the wire and of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryState {
    /// Durable at the sender, waiting to be relayed.
    Queued = 1,
    /// Kept back by the sender's operator.
    Held = 2,
    /// Durable at the receiver.
    Relayed = 3,
    /// Opened, and in an agency's inbox.
    Consigned = 4,
    /// Fetched and confirmed by an agency.
    HandedOver = 5,
    /// Refused by the receiver, with a signed receipt.
    Rejected = 6,
    /// Taken by the receiver, but not fit to be consigned.
    NotConsigned = 7,
    /// The delivery window ended without an answer: unknown, never "rejected".
    ExpiredUnknown = 8,
    /// Withdrawn while it was queued.
    Cancelled = 9,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Held,
        Self::Relayed,
        Self::Consigned,
        Self::HandedOver,
        Self::Rejected,
        Self::NotConsigned,
        Self::ExpiredUnknown,
        Self::Cancelled,
    ];

    /// From its number.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as i32 == number)
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Held => "HELD",
            Self::Relayed => "RELAYED",
            Self::Consigned => "CONSIGNED",
            Self::HandedOver => "HANDED_OVER",
            Self::Rejected => "REJECTED",
            Self::NotConsigned => "NOT_CONSIGNED",
            Self::ExpiredUnknown => "EXPIRED_UNKNOWN",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Whether a message in this state came to nobody: it was taken back, or refused.
    pub fn never_came(self) -> bool {
        matches!(self, Self::Cancelled | Self::Rejected | Self::NotConsigned)
    }

    /// What is known once `learnt` is learnt too.
    ///
    /// Receipts may arrive in any order and late, so this is a join: it does not matter in which
    /// order the same things are learnt, and nothing that was proved is taken back. A signed
    /// answer of the receiver outranks whatever the sender assumed meanwhile (a window that ended,
    /// a withdrawal), and what happened later on the way outranks what happened earlier.
    pub fn join(self, learnt: Self) -> Self {
        if learnt.rank() > self.rank() { learnt } else { self }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::Held => 1,
            Self::Cancelled => 2,
            Self::ExpiredUnknown => 3,
            Self::Rejected => 4,
            Self::Relayed => 5,
            Self::NotConsigned => 6,
            Self::Consigned => 7,
            Self::HandedOver => 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DeliveryState::{self, *};

    #[test]
    fn join_is_a_join() {
        for a in DeliveryState::ALL {
            assert_eq!(a.join(a), a);
            for b in DeliveryState::ALL {
                assert_eq!(a.join(b), b.join(a), "{a:?} {b:?}");
                for c in DeliveryState::ALL {
                    assert_eq!(a.join(b).join(c), a.join(b.join(c)), "{a:?} {b:?} {c:?}");
                }
            }
        }
    }

    #[test]
    fn a_late_acceptance_wins_and_nothing_proved_is_taken_back() {
        for (known, learnt, then) in [
            (ExpiredUnknown, Relayed, Relayed),
            (ExpiredUnknown, HandedOver, HandedOver),
            (Cancelled, Relayed, Relayed),
            (ExpiredUnknown, Rejected, Rejected),
            (Consigned, Relayed, Consigned),
            (HandedOver, Consigned, HandedOver),
            (Relayed, ExpiredUnknown, Relayed),
            (Relayed, NotConsigned, NotConsigned),
        ] {
            assert_eq!(known.join(learnt), then, "{known:?} learns {learnt:?}");
        }
    }

    #[test]
    fn numbers_come_back() {
        for state in DeliveryState::ALL {
            assert_eq!(DeliveryState::from_number(state as i32), Some(state));
        }
        assert_eq!(DeliveryState::from_number(0), None);
    }
}
