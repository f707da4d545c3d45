//! Issuing certificates to agencies: the only use of the agency CA's key.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Context as _;
use zeroize::Zeroizing;

use super::now;
use crate::api::operator::{Publishing, Registrar, agency_to_pb};
use crate::card::{Card, CardEdit};
use crate::client::Profile;
use crate::crypto::Ecdsa;
use crate::crypto::keys::{Role, Seed};
use crate::domain::time::DAY_MS;
use crate::exchange::agencies::Agency;
use crate::exchange::{self, ActionError, Exchange};
use crate::home::{
    BACKDATED_MS, HomeKeys, KeyChangeError, agency_ca_name, issue_agency, issue_seal, publish,
};
use crate::pb::v1 as pb;

/// Issues with the keys of a home.
pub(super) struct HomeRegistrar {
    pub exchange: Arc<Exchange>,
    pub keys: Arc<HomeKeys>,
    /// The certificate that agencies check the node by, PEM.
    pub node_ca: String,
    /// Where agencies call.
    pub endpoint: String,
    /// The home, whose card is changed.
    pub home: PathBuf,
}

impl Registrar for HomeRegistrar {
    fn issue(
        &self,
        agency: pb::Agency,
        valid_days: u32,
        renew: bool,
    ) -> Pin<Box<dyn Future<Output = Result<pb::AgencyCredential, ActionError>> + Send>> {
        let issued = self.credential(&agency, valid_days);
        let exchange = self.exchange.clone();
        Box::pin(async move {
            let (agency, profile) =
                issued.map_err(|error| ActionError::Fault(error.to_string()))?;
            let shown = match renew {
                true => {
                    exchange.renew_agency(&agency.name, agency.key_digest, agency.expires).await?
                }
                false => exchange.add_agency(agency.clone()).await.map(|()| agency)?,
            };
            let shown = agency_to_pb(&shown);
            Ok(pb::AgencyCredential { agency: Some(shown), profile: profile.to_string() })
        })
    }

    fn publish(&self, edit: CardEdit, who: String) -> Publishing {
        let (exchange, keys, home) = (self.exchange.clone(), self.keys.clone(), self.home.clone());
        Box::pin(async move {
            let make = move |card: &Card| {
                let next = edit.apply(card.body(), now());
                let made = next.map(|body| publish(&home, &keys, &body)).transpose();
                made.map_err(not_published)
            };
            exchange.publish_with(Some(&who), make).await
        })
    }
}

/// A card that breaks a rule is the operator's to mend; without the root key none is signed.
fn not_published(error: KeyChangeError) -> ActionError {
    match &error {
        KeyChangeError::Card(rule) => ActionError::invalid("changes", rule.to_string()),
        KeyChangeError::NoRoot => {
            ActionError::conflict("NO_ROOT_KEY", format!("{error}: {}", error.hint()))
        }
        _ => ActionError::Fault(error.to_string()),
    }
}

impl HomeRegistrar {
    fn credential(
        &self,
        agency: &pb::Agency,
        valid_days: u32,
    ) -> anyhow::Result<(Agency, Zeroizing<String>)> {
        let authority = self.exchange.me();
        let ca_name = agency_ca_name(authority);
        let seed = Seed::generate();
        let at = now();
        let validity = (at.plus_ms(-BACKDATED_MS), at.plus_ms(i64::from(valid_days) * DAY_MS));
        let ca = self.keys.seed(Role::AgencyCa)?;
        let issued = issue_agency(&agency.agency, &ca_name, &ca, &seed, validity)?;
        let seal_key = Ecdsa::generate_pkcs8();
        let who = (agency.agency.as_str(), authority);
        let seal = issue_seal(who, &ca_name, &ca, &seal_key, validity)?;
        let profile = Profile {
            authority: authority.clone(),
            endpoint: self.endpoint.clone(),
            ca: self.node_ca.clone(),
            certificate: issued.pem,
            key: Zeroizing::new(private_pem(&seed.to_ed25519_pkcs8())),
            seal_certificate: Some(seal.pem + &self.agency_ca()?),
            seal_key: Some(Zeroizing::new(private_pem(&seal_key))),
        };
        let roles = agency.roles.iter().filter_map(|role| exchange::Role::parse(role));
        let agency = Agency {
            name: agency.agency.clone(),
            roles: roles.collect(),
            all_cases: agency.all_cases,
            key_digest: issued.key_digest,
            expires: issued.expires,
            revoked: false,
        };
        Ok((agency, profile.to_toml()?))
    }

    /// The certificate that agencies' certificates lead to, PEM.
    fn agency_ca(&self) -> anyhow::Result<String> {
        let path = self.home.join("tls/agency-ca.pem");
        std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))
    }
}

fn private_pem(pkcs8: &[u8]) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(pkcs8);
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
}
