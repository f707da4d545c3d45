//! What is sent, as frames.

use super::{Awaited, Stream};
use crate::exchange::issue::Issued;
use crate::exchange::outbox::{Item, delivery};
use crate::exchange::{ActionError, rows};
use crate::pb::v1 as pb;
use crate::store::Head;
use pb::relay_request::Frame as Ask;
use std::sync::Arc;

impl Stream {
    pub(super) fn frame(&self, item: &Item) -> Result<(Ask, Awaited), ActionError> {
        let key = item.row.key();
        if item.row.is_receipt() {
            let text = self.receipt_text(item.row.entry_index)?;
            return Ok((Ask::Receipt(pb::ReceiptDelivery { text }), Awaited::Receipt(key)));
        }
        Ok((Ask::Deliver(self.delivery(item)?), Awaited::Message(key)))
    }

    fn shown(&self) -> Result<&Arc<Head>, ActionError> {
        self.ours.as_ref().ok_or_else(|| ActionError::Fault("no checkpoint was shown".into()))
    }

    fn receipt_text(&self, index: u64) -> Result<String, ActionError> {
        let head = self.shown()?;
        let (receipt, _) = Issued::at(index).receipt_under(&self.exchange.store, head)?;
        Ok(receipt.text().to_owned())
    }

    fn delivery(&self, item: &Item) -> Result<pb::Deliver, ActionError> {
        let missing = || ActionError::Fault("a queued message is missing from the store".into());
        let store = &self.exchange.store;
        let row = rows::message(store, item.row.message()?)?.ok_or_else(missing)?;
        delivery(store, &row, self.shown()?)
    }
}
