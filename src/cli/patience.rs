//! A link that is cut, or a node that is started anew, in the middle of a long transfer.

use std::time::Duration;

use super::out::Out;

/// Without a byte for this long, a command ends; the same command goes on.
const PATIENCE: Duration = Duration::from_secs(600);
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How long a node is waited for.
pub(crate) struct Patience {
    next: Duration,
    waited: Duration,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { next: FIRST_WAIT, waited: Duration::ZERO }
    }

    /// Waits, and longer each time that nothing came meanwhile; false where it has been enough.
    pub(crate) async fn lasts(&mut self, came: bool, out: &mut Out) -> bool {
        if came {
            *self = Self::new();
        }
        if self.waited >= PATIENCE {
            return false;
        }
        if self.waited.is_zero() {
            out.talk("note: the node is away or busy: going on as soon as it can, for ten minutes");
        }
        tokio::time::sleep(self.next).await;
        self.waited += self.next;
        self.next = (self.next * 2).min(LONGEST_WAIT);
        true
    }
}
