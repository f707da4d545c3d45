//! The domain: what an authority, a message and a request *are*. Pure: no I/O, no clock, no keys.
//!
//! Values are parsed at the door and valid by existing; the constructors hold the rules and
//! [`limits`] holds every bound.

pub mod authority;
pub mod characters;
pub mod clock;
pub mod custody;
pub mod delivery;
pub mod ids;
pub mod kind;
pub mod language;
pub mod lifecycle;
pub mod limits;
pub mod nearest;
pub mod organisation;
pub mod period;
pub mod profile;
pub mod quiet;
pub mod reason;
pub mod release;
pub mod request;
pub mod statistics;
pub mod time;

pub use authority::AuthorityId;
pub use delivery::DeliveryState;
pub use ids::{AnnexId, CaseId, MessageId, PackageId, RequestId, UploadId};
pub use kind::{MessageKind, UnknownKind};
pub use organisation::AuthorityKind;
pub use profile::Profile;
pub use reason::Reason;
pub use time::Timestamp;
