//! What the operator API needs of the node: certificates, and cards that the root key signs.

use std::sync::Arc;

use crate::card::{Card, CardEdit};
use crate::exchange::ActionError;
use crate::pb::v1 as pb;

/// Issues the certificates of agencies: the one thing here that needs a private key, so the node
/// hands it in.
pub trait Registrar: Send + Sync + 'static {
    /// Registers an agency (or renews it) and gives its profile file.
    ///
    /// # Errors
    /// [`ActionError`] as of [`crate::exchange::Exchange::add_agency`] and [`crate::exchange::Exchange::renew_agency`].
    fn issue(
        &self,
        agency: pb::Agency,
        valid_days: u32,
        renew: bool,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<pb::AgencyCredential, ActionError>> + Send>>;

    /// Signs the next version of this authority's card and publishes it; `who` asked for it. Gives the
    /// card that was before, and the one that is now.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] where the card would break a rule, [`ActionError::Conflict`] with code
    /// `NO_ROOT_KEY`, others as of [`crate::exchange::Exchange::publish_with`].
    fn publish(&self, edit: CardEdit, who: String) -> Publishing;
}

/// A card on its way to be published: what was before, and what is now.
pub type Publishing =
    std::pin::Pin<Box<dyn Future<Output = Result<(Arc<Card>, Arc<Card>), ActionError>> + Send>>;
