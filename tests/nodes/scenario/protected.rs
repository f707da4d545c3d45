//! Whom nobody names: a victim whose particulars only a named official reads.

use rogatory::card::{Card, Official};
use rogatory::crypto::keys::{Algorithm, Seed};
use rogatory::crypto::{SealingSecret, random};
use rogatory::domain::{AnnexId, MessageId, Timestamp};
use rogatory::envelope::{AnnexDraft, NamedOfficial, SealedAnnex, seal_annex};
use rogatory::pb::v1 as pb;
use zeroize::Zeroizing;

use super::Office;
use crate::support::Node;
use rogatory::node::now;

const HOUR_MS: i64 = 3_600_000;

/// What stands in the annex and nowhere else.
pub const NAME: &str = "Zqvictim Namara";

/// The one who is to read it.
pub struct Desk {
    secret: SealingSecret,
    named: NamedOfficial,
}

impl Desk {
    pub fn new(id: &str) -> Self {
        let seed = Seed::generate();
        let named = NamedOfficial { id: id.into(), key: seed.public(Algorithm::XWing) };
        Self { secret: SealingSecret::new(&seed), named }
    }

    /// Names it in the card of an authority that nobody knows yet.
    pub fn is_named_by(&self, node: &mut Node) {
        let (from, until) = (now().plus_ms(-HOUR_MS), now().plus_ms(24 * HOUR_MS));
        let NamedOfficial { id, key } = &self.named;
        let official = Official::new(id, "Victim protection desk", key, from, until);
        let mut body = node.card.body().clone();
        (body.version, body.officials) = (body.version + 1, vec![official]);
        node.card = node.sign_card(&body);
        std::fs::write(node.home.join("card.txt"), node.card.text()).expect("written");
    }

    /// An annex for it, about the persons of a message by their codes.
    pub fn sealed(&self, from: &Office, card: &Card, refs: &[&str]) -> bytes::Bytes {
        let person =
            |one: &&str| format!("{{\"ref\":\"{one}\",\"names\":[{{\"text\":\"{NAME}\"}}]}}");
        let persons: Vec<String> = refs.iter().map(person).collect();
        let draft = AnnexDraft {
            id: AnnexId::new(now(), random()),
            sender: from.id(),
            recipient: card.authority().clone(),
            refs: refs.iter().map(|one| (*one).to_owned()).collect(),
            plaintext: Zeroizing::new(
                format!("{{\"persons\":[{}]}}", persons.join(",")).into_bytes(),
            ),
        };
        let NamedOfficial { id, key } = &self.named;
        let named = NamedOfficial { id: id.clone(), key: key.clone() };
        let keys = card.sealing_keys(Timestamp::from_unix_ms(now().unix_ms()));
        seal_annex(&draft, &[named], &keys).expect("seals").bytes().clone()
    }

    /// Opens the annex of a message, with the node of its authority, which logs that before.
    pub async fn opens(
        &self,
        office: &mut Office,
        message: &pb::Message,
    ) -> (Vec<u8>, pb::Receipt) {
        let parent = message.name.clone();
        let asked = pb::GetAnnexRequest { parent: parent.clone(), ..Default::default() };
        let answer = office.desk.get_annex(asked).await.expect("there is one").into_inner();
        let annex = SealedAnnex::parse(answer.sealed).expect("an annex");
        let mut envelope = [0; 32];
        hex::decode_to_slice(&answer.envelope_digest, &mut envelope).expect("a digest");
        let part = annex.official_part(&self.secret).expect("sealed to this official");
        let request = pb::OpenAnnexRequest {
            parent,
            annex: format!("annexes/{}", annex.id()),
            key_id: self.secret.public().id().to_string(),
            token: part.token.to_vec().into(),
        };
        let released = office.desk.open_annex(request).await.expect("released").into_inner();
        let sealed = (released.encapsulated.as_ref(), released.ciphertext.as_ref());
        let id = MessageId::parse(&message.message_id).expect("an id");
        let text = annex.open(&part, &self.secret, sealed, (id, envelope)).expect("opens");
        (text.to_vec(), released.receipt.expect("with a receipt"))
    }
}
