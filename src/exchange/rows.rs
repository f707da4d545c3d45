//! The rows that the exchange keeps, and their keys.

use prost::Message as _;

use super::ActionError;
use crate::crypto::{Digest, HomeKey};
use crate::domain::delivery::DeliveryState;
use crate::domain::request::Handling;
use crate::domain::{AuthorityId, MessageId, PackageId};
use crate::envelope::PackageRef;
pub(crate) use crate::pb::store::v1::{
    AccessRow, AgencyRow, AlertRow, AnnexRow, CardRow, DetailFinding, DraftBody, DraftPackageRead,
    DraftRow, ErasureRow, HeadRow, HoldRow, MessageDetails, MessageRow, OutboxRow, PackageFacts,
    PackageRow, PeerRow, ReceiptRow, RefusalRow, RelatedCaseRow, RemovalRow, RequestRow, SentMove,
    ShareRow, StandingRow, Step, TurnRow, UploadRow,
};
use crate::store::vault::PackageShape;
use crate::store::{Direction, Store, Table, Tx};

/// The `direction` of a [`MessageRow`].
pub(crate) const SENT: u32 = 1;
/// The `direction` of a [`MessageRow`].
pub(crate) const RECEIVED: u32 = 2;

pub(crate) fn decode<M: prost::Message + Default>(bytes: &[u8]) -> Result<M, ActionError> {
    M::decode(bytes).map_err(|_| ActionError::Fault("a row of the store does not decode".into()))
}

pub(crate) fn load<M: prost::Message + Default>(
    store: &Store,
    table: Table,
    key: &[u8],
) -> Result<Option<M>, ActionError> {
    store.get(table, key)?.map(|bytes| decode(&bytes)).transpose()
}

pub(crate) fn load_in<M: prost::Message + Default>(
    tx: &mut Tx<'_>,
    table: Table,
    key: &[u8],
) -> Result<Option<M>, ActionError> {
    tx.get(table, key).map(|bytes| decode(&bytes)).transpose()
}

pub(crate) fn peer_key(home: &HomeKey, peer: &AuthorityId) -> [u8; 16] {
    home.blind("peer", peer.as_str().as_bytes())
}

pub(crate) fn head_key(home: &HomeKey, origin: &str) -> [u8; 16] {
    home.blind("head", origin.as_bytes())
}

pub(crate) fn message(store: &Store, id: MessageId) -> Result<Option<MessageRow>, ActionError> {
    load(store, Table::Messages, id.as_bytes())
}

pub(crate) fn message_in(
    tx: &mut Tx<'_>,
    id: MessageId,
) -> Result<Option<MessageRow>, ActionError> {
    load_in(tx, Table::Messages, id.as_bytes())
}

/// With how much care a message is handled that is about a request: with no less than that.
pub(crate) fn handled(
    tx: &mut Tx<'_>,
    own: Handling,
    request: Option<MessageId>,
) -> Result<Handling, ActionError> {
    let Some(request) = request else { return Ok(own) };
    let row = message_in(tx, request)?;
    Ok(row.and_then(|row| Handling::from_number(row.handling)).map_or(own, |of| own.max(of)))
}

pub(crate) fn put_message(tx: &mut Tx<'_>, id: MessageId, row: &MessageRow) {
    let row = super::retention::scheduled(tx, id, row);
    tx.put(Table::Messages, id.as_bytes(), row.encode_to_vec());
}

impl MessageRow {
    pub(crate) fn delivery(&self) -> DeliveryState {
        DeliveryState::from_number(self.state).unwrap_or(DeliveryState::Queued)
    }

    /// Whether nothing is known of it but that it waits to be relayed.
    pub(crate) fn is_queued(&self) -> bool {
        matches!(self.delivery(), DeliveryState::Queued | DeliveryState::Held)
    }

    pub(crate) fn learn(&mut self, state: DeliveryState) {
        self.state = self.delivery().join(state) as i32;
    }

    pub(crate) fn peer_id(&self) -> Result<AuthorityId, ActionError> {
        AuthorityId::parse(&self.peer).map_err(ActionError::fault)
    }

    pub(crate) fn digest(&self) -> Digest {
        self.envelope_digest.as_slice().try_into().unwrap_or_default()
    }

    pub(crate) fn payload(&self) -> Digest {
        self.payload_commitment.as_slice().try_into().unwrap_or_default()
    }

    pub(crate) fn has_receipt(&self, event: &str, issuer: &AuthorityId) -> bool {
        self.receipts.iter().any(|r| r.event == event && r.issuer == issuer.as_str())
    }
}

impl OutboxRow {
    /// Its key: message id, then the event for a receipt.
    pub(crate) fn key(&self) -> Vec<u8> {
        [self.message_id.as_slice(), self.event.as_bytes()].concat()
    }

    pub(crate) fn message(&self) -> Result<MessageId, ActionError> {
        MessageId::from_slice(&self.message_id).map_err(ActionError::fault)
    }

    pub(crate) fn is_receipt(&self) -> bool {
        !self.event.is_empty()
    }
}

pub(crate) fn facts_of(shape: &PackageShape) -> PackageFacts {
    PackageFacts {
        package_id: shape.id.as_bytes().to_vec(),
        root: shape.root.to_vec(),
        chunks: shape.chunks,
        sealed_bytes: shape.sealed_bytes,
        layout_digest: shape.layout_digest.to_vec(),
        exhibits: shape.exhibits,
    }
}

pub(crate) fn shape_of(facts: &PackageFacts) -> Result<PackageShape, ActionError> {
    let digest = |bytes: &[u8]| bytes.try_into().map_err(ActionError::fault);
    Ok(PackageShape {
        id: PackageId::from_slice(&facts.package_id).map_err(ActionError::fault)?,
        root: digest(&facts.root)?,
        chunks: facts.chunks,
        sealed_bytes: facts.sealed_bytes,
        layout_digest: digest(&facts.layout_digest)?,
        exhibits: facts.exhibits,
    })
}

pub(crate) fn shape_of_ref(package: &PackageRef) -> PackageShape {
    PackageShape {
        id: package.id,
        root: package.root,
        chunks: package.chunks,
        sealed_bytes: package.sealed_bytes,
        layout_digest: package.layout_digest,
        exhibits: package.exhibits,
    }
}

pub(crate) fn ref_of(shape: &PackageShape) -> PackageRef {
    PackageRef {
        id: shape.id,
        root: shape.root,
        chunks: shape.chunks,
        sealed_bytes: shape.sealed_bytes,
        layout_digest: shape.layout_digest,
        exhibits: shape.exhibits,
    }
}

/// Rows that are read at once when a whole table is.
const PAGE: usize = 1000;

/// All rows of a table that is small by nature.
pub(crate) fn all<M: prost::Message + Default>(
    store: &Store,
    table: Table,
) -> Result<Vec<M>, ActionError> {
    let mut found = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = store.scan(table, b"", after.as_deref(), Direction::Forward, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(found) };
        after = Some(last.clone());
        for (_, row) in &page {
            found.push(decode(row)?);
        }
    }
}
